from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contact.pending import Returned
from engine.edges.journal.latest import LatestOffers
from engine.errors import StorageError
from engine.model import ActionId, CustomerId, DecisionId

HALF = 1_024


def returned(number: int, actions: int = 1, household: str | None = None) -> Returned:
    name = DecisionId(f"d{number}")
    who, home = CustomerId(f"c{number}"), CustomerId(household) if household else None
    return Returned(
        name, number, who, home, "web", tuple(ActionId(f"a{n}") for n in range(actions))
    )


def found(path: Path) -> list[Returned]:
    """What a process finds that starts now; the one before is gone without a word."""
    latest = LatestOffers(path, HALF)
    latest.close()
    return latest.found


def test_what_a_process_noted_is_found_by_the_next_until_that_lets_go_of_it(tmp_path: Path) -> None:
    path = tmp_path / "latest"
    first = LatestOffers(path, HALF)
    first.begin()
    noted = [returned(1), returned(2, actions=3, household="home"), returned(3)]
    for each in noted:
        first.note(each)
    assert found(path) == noted == found(path)
    second = LatestOffers(path, HALF)
    second.begin()
    assert found(path) == []
    second.note(returned(4))
    assert found(path) == [returned(4)]


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(0, 3))
def test_the_last_half_of_the_file_is_always_there(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], starts: int
) -> None:
    path = tmp_path_factory.mktemp("latest") / "latest"
    for _ in range(starts + 1):
        latest = LatestOffers(path, HALF)
        latest.begin()
        noted = [returned(number, actions) for number, actions in enumerate(sizes)]
        for each in noted:
            latest.note(each)
        kept = found(path)
        assert kept == noted[len(noted) - len(kept) :]
        bytes_of = [60 + 10 * size for size in sizes]  # more than any of them takes
        least = next((n for n in range(len(sizes)) if sum(bytes_of[n:]) < HALF // 2), len(sizes))
        assert len(kept) >= len(sizes) - least


@pytest.mark.parametrize("cut", [1, 20, 37])
def test_what_was_half_written_ends_what_is_found(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "latest"
    latest = LatestOffers(path, HALF)
    latest.begin()
    latest.note(returned(1))
    whole = path.read_bytes()[:HALF].rstrip(b"\0")
    latest.note(returned(2))
    both = path.read_bytes()
    end = len(whole) + cut
    path.write_bytes(both[:end] + b"\0" * (2 * HALF - end))
    assert found(path) == [returned(1)]


@pytest.mark.parametrize("noise", [b"", b"x", b"\xff" * 5_000])
def test_a_file_of_something_else_holds_nothing(tmp_path: Path, noise: bytes) -> None:
    (tmp_path / "latest").write_bytes(noise)
    assert found(tmp_path / "latest") == []


def test_a_file_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="latest cannot be read or written"):
        LatestOffers(tmp_path / "missing" / "latest")
