"""Seeds are as random as the system's numbers, and none is given twice."""

from engine.running.seeds import Seeds

MANY = 5_000


def test_none_is_given_twice() -> None:
    seeds = Seeds()
    assert len({seeds() for _ in range(MANY)}) == MANY


def test_every_bit_is_as_often_set_as_not() -> None:
    seeds = Seeds()
    given = [seeds() for _ in range(MANY)]
    assert max(given) < 1 << 64
    for bit in range(64):
        times = sum(seed >> bit & 1 for seed in given)
        assert abs(times - MANY / 2) < 8 * (MANY / 4) ** 0.5


def test_two_of_them_have_nothing_in_common() -> None:
    assert Seeds()() != Seeds()()
