"""What each server of a crew is started with."""

from pathlib import Path

from engine.crew.members import members
from engine.settings import Address, Settings

LISTEN = Address("127.0.0.1", 50051)
STARTED = ("python", "-m", "engine", "serve", "--workers=2", "--data", "/elsewhere")


def test_each_has_its_own_folder_and_metrics_and_shares_the_rest() -> None:
    settings = Settings(data=Path("/data"), metrics=Address("0.0.0.0", 9100), workers=2)
    first, second = members(settings, LISTEN, STARTED, {"HOME": "/root"}, parent=7)
    assert first.command == (
        *STARTED,
        *("--workers", "1", "--listen", "127.0.0.1:50051"),
        *("--data", "/data/server-1", "--metrics", "0.0.0.0:9101"),
    )
    assert second.command[-4:] == ("--data", "/data/server-2", "--metrics", "0.0.0.0:9102")
    assert second.metrics == Address("0.0.0.0", 9102)
    assert first.environment == {
        "HOME": "/root",
        "ATTUNE_END_WITH_PARENT": "7",
        "ATTUNE_SHARE_PORT": "yes",
        "ATTUNE_MEMBER": "1",
    }


def test_metrics_that_nobody_asked_for_are_served_nowhere() -> None:
    (only,) = members(Settings(workers=1), LISTEN, STARTED, {}, parent=7)
    assert only.metrics is None
    assert "--metrics" not in only.command
