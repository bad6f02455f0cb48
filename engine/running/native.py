"""Native: whoever runs a service is told where it has to do in Python what it could do in C."""

import structlog

from engine.native import IS_COMPILED


def tell_if_interpreted() -> None:
    """Says in the log that `engine.native` was not compiled, if so."""
    if not IS_COMPILED:
        structlog.get_logger(__name__).warning(
            "native.interpreted",
            message="the C of engine/native is not compiled, decisions and lessons take several"
            " times as long: python tools/native.py compiles it",
        )
