"""Uplift told: what may be concluded from the figures, and what may not, as sentences."""

from collections.abc import Iterator, Sequence

from engine.uplift.bootstrap import Interval
from engine.uplift.contest import Contest
from engine.uplift.earnings import Prices


def conclusions(found: Contest, prices: Prices, suspicious: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each question: does it work, whom to treat, is it worth it, is it better.

    Nothing is concluded from an interval that includes zero, nor from arms that chance cannot have
    made: `suspicious` are the features by which they differ.
    """
    if suspicious:
        named = ", ".join(f"'{name}'" for name in suspicious)
        return (
            f"Nothing can be concluded: the arms differ by {named} as chance would not have it."
            " If that became known only after the treatment, leave it out with --drop; if not, the"
            " treatment was not given by chance.",
        )
    return tuple(_sentences(found, prices))


def _sentences(found: Contest, prices: Prices) -> Iterator[str]:
    yield _sentence(
        found.effect,
        "Treating everybody brings more successes than treating nobody.",
        "Treating everybody brings fewer successes than treating nobody.",
        "Whether treating everybody changes anything cannot be told from these customers.",
    )
    yield _sentence(
        found.uplift.qini,
        "By uplift customers are ordered better than at random.",
        "By uplift customers are ordered worse than at random.",
        "Whether uplift orders customers better than chance cannot be concluded.",
    )
    yield _sentence(
        found.qini_over_response,
        "By uplift customers are ordered better than by response.",
        "By uplift customers are ordered worse than by response.",
        "Whether uplift orders customers better than response does cannot be concluded.",
    )
    if found.treat_uplift.earnings.treated == 0:
        yield (
            f"Treat nobody: no customer's uplift is worth what treating costs ({prices.cost:g}),"
            " as far as can be told."
        )
        return
    yield _sentence(
        found.treat_uplift.nir_balanced,
        "Treating those it would treat pays.",
        "Treating those it would treat loses money.",
        "Whether treating those it would treat pays cannot be concluded.",
    )
    if found.treat_uplift.earnings.share < 1.0:
        yield _sentence(
            found.nir_over_everybody,
            "It pays better than treating everybody.",
            "It pays worse than treating everybody.",
            "Whether it pays better than treating everybody cannot be concluded.",
        )
        yield _sentence(
            found.nir_over_random,
            "It pays better than treating as many at random.",
            "It pays worse than treating as many at random.",
            "Whether it pays better than treating as many at random cannot be concluded.",
        )


def _sentence(interval: Interval, above: str, below: str, neither: str) -> str:
    if interval.above_zero:
        return above
    return below if interval.below_zero else neither
