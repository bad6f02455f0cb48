from engine.edges.rules.kept import KEPT, archive, archived, keep, kept_in, read_kept
from engine.rulebook.load import load
from tests.rulebook.builders import files


def test_what_is_kept_is_the_book_it_was(tmp_path):
    assert kept_in(tmp_path) is None
    keep(tmp_path, files())
    kept = kept_in(tmp_path)
    assert kept is not None
    assert read_kept(kept) == files()
    assert load(read_kept(kept)).book


def test_what_is_kept_is_for_its_owner_alone(tmp_path):
    (tmp_path / f"{KEPT}.new").write_bytes(b"PK")
    keep(tmp_path, files())
    archive(tmp_path, "v0", files())
    kept = [tmp_path / KEPT, archived(tmp_path, "v0")]
    assert [path.stat().st_mode & 0o777 for path in kept] == [0o600, 0o600]


def test_the_latest_takes_the_place_of_the_one_before(tmp_path):
    keep(tmp_path, files())
    keep(tmp_path, {"policies.yaml": b"{}"})
    assert read_kept(tmp_path / KEPT) == {"policies.yaml": b"{}"}
    assert [path.name for path in tmp_path.iterdir()] == [KEPT]


def test_what_was_half_written_when_the_power_went_is_not_taken_for_a_book(tmp_path):
    keep(tmp_path, files())
    (tmp_path / f"{KEPT}.new").write_bytes(b"PK")
    assert read_kept(tmp_path / KEPT) == files()


def test_books_that_decided_before_are_found_by_their_version(tmp_path):
    assert archived(tmp_path, "v0") is None
    for number in range(5):
        archive(tmp_path, f"v{number}", {"policies.yaml": b"%d" % number}, most=3)
    assert [archived(tmp_path, f"v{number}") is None for number in range(5)] == [True] * 2 + [
        False
    ] * 3
    kept = archived(tmp_path, "v3")
    assert kept is not None
    assert read_kept(kept) == {"policies.yaml": b"3"}
