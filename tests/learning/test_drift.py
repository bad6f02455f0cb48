import random

import pytest
from river import drift

from engine.learning.drift import Adwin, DriftWatch


def losses(*levels: tuple[int, float], seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [chance.uniform(0, 2 * level) for count, level in levels for _ in range(count)]


def noticed(stream: list[float]) -> list[int]:
    watch = DriftWatch()
    return [at for at, loss in enumerate(stream) if watch.learn_one(loss)]


def test_losses_that_rise_for_good_are_noticed() -> None:
    (at,) = noticed(losses((3_000, 0.2), (1_000, 0.4)))
    assert 3_000 <= at < 3_200


def test_losses_that_stay_are_no_drift() -> None:
    assert noticed(losses((20_000, 0.3))) == []


def test_losses_that_fall_are_no_drift() -> None:
    assert noticed(losses((2_000, 0.4), (4_000, 0.2))) == []


@pytest.mark.parametrize("seed", range(8))
def test_it_says_what_river_s_detector_says_after_every_loss(seed: int) -> None:
    stream = losses((700 + 13 * seed, 0.2), (400, 0.4), (300, 0.1), (300, 0.45), seed=seed)
    detector, found = drift.ADWIN(), []
    for at, loss in enumerate(stream):
        usual = detector.estimation
        detector.update(min(loss, 1.0))
        if detector.drift_detected:
            if detector.estimation > usual:
                found.append(at)
            detector = drift.ADWIN()
    assert found
    assert noticed(stream) == found


def test_a_restored_watch_goes_on_alike() -> None:
    stream = losses((6_000, 0.2), (2_000, 0.3), (3_000, 0.2), (2_000, 0.4))
    for at in (10, 2_100, 5_000, 6_200, 9_000):
        kept, restored = DriftWatch(), DriftWatch()
        for loss in stream[:at]:
            kept.learn_one(loss)
        restored.restore(kept.state())
        rest = stream[at:]
        assert [restored.learn_one(n) for n in rest] == [kept.learn_one(n) for n in rest]
        assert restored.state() == kept.state()


def test_it_remembers_no_more_than_4096_losses() -> None:
    watch = DriftWatch()
    for loss in losses((9_000, 0.3)):
        watch.learn_one(loss)
        assert len(watch.state()["losses"]) <= 4_096


def test_adwin_is_rivers_also_after_an_alarm() -> None:
    ours, rivers = Adwin(), drift.ADWIN()
    alarms = 0
    for loss in losses((900, 0.2), (600, 0.7), (600, 0.1), (300, 0.9)):
        ours.update(loss)
        rivers.update(loss)
        assert ours.has_alarmed == rivers.drift_detected
        assert ours.estimation == rivers.estimation
        alarms += ours.has_alarmed
    assert alarms >= 3
