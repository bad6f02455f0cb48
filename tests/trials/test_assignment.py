"""Who is set apart, by salted hash: evenly, independently, and the same as long as a period lasts."""

from collections import Counter
from datetime import UTC, datetime
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from engine.model import DAY, CustomerId
from engine.rulebook.trial import PERIODS
from engine.trials.assignment import below, key_of, lot, term_of

MANY = [CustomerId(f"c-{n}") for n in range(20_000)]
MOMENTS = st.integers(min_value=0, max_value=4_000_000_000_000_000)
CHI_SQUARE_19_AT_1_IN_100_000 = 58.6


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_lots_are_uniform() -> None:
    bins = Counter(int(lot(name, key_of("s", "h", "2026-11-01")) * 20) for name in MANY)
    expected = len(MANY) / 20
    assert set(bins) == set(range(20))
    assert sum((n - expected) ** 2 / expected for n in bins.values()) < (
        CHI_SQUARE_19_AT_1_IN_100_000
    )


def test_trials_of_another_name_salt_or_period_draw_independently() -> None:
    base = key_of("s", "h", "2026-11-01")
    others = [
        key_of("s", "i", "2026-11-01"),
        key_of("t", "h", "2026-11-01"),
        key_of("s", "h", "2026-12-01"),
    ]
    lots = [lot(name, base) - 0.5 for name in MANY]
    for key in others:
        product = sum(a * (lot(name, key) - 0.5) for a, name in zip(lots, MANY, strict=True))
        assert abs(product * 12 / len(MANY)) < 4.5 / len(MANY) ** 0.5


def test_the_documented_formula_gives_the_same_lot() -> None:
    key = blake2b(b"2026H2\x1fnobody_asked\x1f2026-11-01", digest_size=32).digest()
    digest = blake2b("äöü".encode(), digest_size=8, key=key).digest()
    assert lot(CustomerId("äöü"), key_of("2026H2", "nobody_asked", "2026-11-01")) == (
        int.from_bytes(digest, "big") / 2**64
    )


@given(st.floats(min_value=0, max_value=1), st.binary(min_size=8, max_size=8))
def test_bytes_compare_as_lots_do(share: float, drawn: bytes) -> None:
    least = round(share * 2**64)
    assert (drawn < below(share)) == (int.from_bytes(drawn, "big") < least)


@given(st.sampled_from(PERIODS), MOMENTS)
def test_periods_hold_their_moments_and_follow_each_other(period: str, now: int) -> None:
    term = term_of(period, now, "Europe/Dublin")
    assert term.start <= now < term.end
    assert term_of(period, term.start, "Europe/Dublin") == term
    if period != "forever":
        after = term_of(period, term.end, "Europe/Dublin")
        assert after.start == term.end
        assert after.name > term.name


def test_periods_begin_at_midnight_where_the_book_is() -> None:
    term = term_of("quarter", micros("2026-11-21T10:00:00"), "Europe/Dublin")
    assert term == (micros("2026-09-30T23:00:00"), micros("2027-01-01T00:00:00"), "2026-10-01")
    week = term_of("week", micros("2026-11-21T10:00:00"), "UTC")
    assert (week.name, week.end - week.start) == ("2026-11-16", 7 * DAY)
