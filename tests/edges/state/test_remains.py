import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.capsule import KEY_FILE, open_capsules
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.errors import StorageError
from engine.model import EventStatus
from tests.edges.state.tally import Tally, store_at
from tests.happenings import decision, interaction


def removed(path: Path) -> None:
    path.rename(path.with_name("aside"))


def replaced(path: Path) -> None:
    removed(path)
    shutil.copy(path.with_name("aside"), path)


def loosen(directory: Path) -> None:
    directory.chmod(0o755)
    for name in (JOURNAL, DECISIONS, "lock"):
        (directory / name).chmod(0o644)


def modes_in(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


@pytest.mark.parametrize("loss", [removed, replaced])
@pytest.mark.parametrize("name", [JOURNAL, "lock"])
async def test_nothing_is_accepted_into_files_that_are_no_longer_in_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, loss: Callable[[Path], None], name: str
) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append([interaction("e1")])
        loss(tmp_path / name)
        for _ in range(3):
            with pytest.raises(StorageError, match=f"{name} was removed or replaced under"):
                await store.append([interaction("e2")])
        with pytest.raises(StorageError, match=name):
            await store.checkpoint()
        assert caplog.text.count(f"nothing is accepted: {name} was removed or replaced") == 1
        (tmp_path / "aside").rename(tmp_path / name)
        assert await store.append([interaction("e1"), interaction("e2")]) == [
            EventStatus.DUPLICATE,
            EventStatus.ACCEPTED,
        ]


@pytest.mark.parametrize("left", [DECISIONS, KEY_FILE])
@pytest.mark.parametrize("empty", [True, False])
async def test_a_start_beside_remains_without_the_journal_is_refused(
    tmp_path: Path, left: str, empty: bool
) -> None:
    async with store_at(tmp_path, Tally()):
        open_capsules(tmp_path)
    (tmp_path / ({DECISIONS, KEY_FILE} - {left}).pop()).unlink()
    (tmp_path / JOURNAL).unlink()
    if empty:
        (tmp_path / JOURNAL).touch()
    for _ in range(2):
        with pytest.raises(StorageError, match=f"{left} of an earlier run.*restore.*or move"):
            async with store_at(tmp_path, Tally()):
                pass


async def test_a_lost_token_key_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with store_at(tmp_path, Tally()):
        open_capsules(tmp_path)
    async with store_at(tmp_path, Tally()):
        assert "token.key" not in caplog.text
    (tmp_path / KEY_FILE).unlink()
    async with store_at(tmp_path, Tally()):
        assert "token.key is missing" in caplog.text


@pytest.mark.parametrize("loose", [False, True])
async def test_all_files_are_for_their_owner_alone(tmp_path: Path, loose: bool) -> None:
    before = os.umask(0o000)
    try:
        async with store_at(tmp_path, Tally()) as store:
            await store.append([interaction()])
            open_capsules(tmp_path)
        if loose:
            loosen(tmp_path)
        async with store_at(tmp_path, Tally()) as store:
            await store.append([interaction("e2")])
            store.record(decision())
            await store.checkpoint()
            modes = modes_in(tmp_path)
    finally:
        os.umask(before)
    assert {JOURNAL, f"{JOURNAL}-wal", f"{JOURNAL}-shm", DECISIONS, KEY_FILE, "lock"} <= set(modes)
    assert set(modes.values()) == {0o600}
