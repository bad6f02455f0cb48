from engine.learning.scaling.loops import COUNT, MEAN
from engine.learning.scaling.scaler import Scaler


def test_lines_are_added_without_forgetting() -> None:
    scaler = Scaler()
    scaler.lines[scaler.line_of("first"), MEAN] = 7.0
    places = [scaler.line_of(f"number {n}") for n in range(100)]
    assert len(set(places)) == 100
    assert max(places) < len(scaler.lines)
    assert scaler.lines[scaler.line_of("first"), MEAN] == 7.0
    assert not scaler.lines[places].any()


def test_a_number_nobody_learned_is_not_part_of_its_state() -> None:
    scaler = Scaler()
    scaler.line_of("seen")
    scaler.line_of("unseen")
    scaler.lines[0, COUNT] = 3
    assert scaler.state() == {"seen": [3, 0.0, 0.0], "seen~log": [3, 0.0, 0.0]}


def test_what_an_earlier_version_kept_is_read() -> None:
    """The state of river's own scaler: count, mean and variance by name and log name."""
    kept = {"b": [4, 4.0, 4.0], "b~log": [4, 1.0, 0.25], "a": [1, 2.0, 0.0], "a~log": [1, 1.0, 0.0]}
    scaler = Scaler()
    scaler.restore(kept)
    assert scaler.state() == kept
    assert list(scaler.state()) == sorted(kept)
    assert scaler.lines[scaler.line_of("b")].tolist() == [4.0, 4.0, 4.0, 0.5, 1.0, 0.25, 2.0]
    assert scaler.lines[scaler.line_of("a")].tolist() == [1.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0]
