"""The plan of a challenger as a file in the data directory: whole or not at all, also after a crash."""

import os
from pathlib import Path
from typing import Any, Final

import orjson

from engine.challenger.plan import Part, Plan, Step
from engine.errors import DamagedData, InvalidInput, StorageError

PLAN: Final = "challenger.json"
"""The file; without it there is no challenger."""

_LAYOUT: Final = 1
_PRIVATE: Final = 0o600


def read_plan(data: Path) -> Plan | None:
    """The plan in a data directory; None if there is no challenger.

    Raises:
        DamagedData: the file makes no sense.
        StorageError: it cannot be read.
    """
    path = data / PLAN
    try:
        return _read(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, InvalidInput) as error:
        raise DamagedData(
            f"{path} makes no sense ({error}): remove it and begin anew with `attune challenger start`"
        ) from error


def write_plan(data: Path, plan: Plan | None) -> None:
    """Puts the plan in place of the one before; None takes it away. It is on disk when this returns.

    Raises:
        StorageError: it cannot be written; the one before stands.
    """
    path = data / PLAN
    try:
        if plan is None:
            path.unlink(missing_ok=True)
        else:
            _put(path, orjson.dumps(_written(plan), option=orjson.OPT_INDENT_2))
        directory = os.open(data, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def _put(path: Path, content: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _written(plan: Plan) -> dict[str, Any]:
    return {
        "layout": _LAYOUT,
        "name": plan.name,
        "rules": plan.rules,
        "sample": plan.sample,
        "steps": [list(step) for step in plan.steps],
    }


def _read(written: Any) -> Plan:
    """The plan, made step by step as it was made first: so nothing is taken that could not be planned."""
    if written["layout"] != _LAYOUT:
        raise ValueError(f"it is of layout {written['layout']}, this version reads {_LAYOUT}")
    (first, begun, _), *later = written["steps"]
    if Part(first) is not Part.SHADOW:
        raise ValueError(f"it begins with '{first}', not with a shadow")
    times = [begun, *(since for _, since, _ in later)]
    if not all(type(since) is int for since in times):
        raise ValueError("a step has no time")
    plan = Plan.started(
        str(written["name"]), str(written["rules"]), begun, float(written["sample"])
    )
    for part, since, share in later:
        plan = _taken(plan, Step(Part(part), since, float(share)))
    return plan


def _taken(plan: Plan, step: Step) -> Plan:
    match step.part:
        case Part.SHARE:
            return plan.to_share(step.share, step.since)
        case Part.REPLACED:
            return plan.to_everybody(step.since)
        case Part.SHADOW:
            raise ValueError("a shadow comes first, and once")
