"""Who comes by, on which page or line, and why: the traffic of one seed, the same for every arm."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.errors import InvalidInput, Violation
from engine.model import PlacementId
from engine.rulebook.book import RuleBook

REASON: Final = "request.reason"
_CHUNK: Final = 4096
_SPOKEN_OF: Final = ("customer.age", "telco.plan", "telco.contract", "consent.channels")


@dataclass(frozen=True, slots=True)
class Page:
    """Somewhere offers are shown. `budget` is what a decision may take there, in seconds.

    `reasons` are why people come there, with their shares.
    """

    name: str
    channel: str
    placements: tuple[PlacementId, ...]
    budget: float
    share: float
    reasons: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """One person comes once. `chance` seeds what they do, `reason` is empty if they do not say why."""

    person: int
    page: Page
    reason: str
    chance: int


_ONLINE: Final = (
    ("browse", 0.56), ("bill", 0.21), ("upgrade", 0.13), ("travel", 0.06), ("cancel", 0.01), ("", 0.03),
)  # fmt: skip
_ON_THE_PHONE: Final = (
    ("bill", 0.42), ("upgrade", 0.2), ("cancel", 0.03), ("fault", 0.07), ("other", 0.18), ("", 0.1),
)  # fmt: skip
PAGES: Final = (
    Page("home page", "web", (PlacementId("web.home_hero"),), 0.1, 0.5, _ONLINE),
    Page(
        "account page", "web", (PlacementId("web.home_hero"), PlacementId("web.account_cards")),
        0.1, 0.15, _ONLINE,
    ),
    Page("call", "ivr", (PlacementId("ivr.main_prompt"),), 0.25, 0.35, _ON_THE_PHONE),
)  # fmt: skip


def pages_of(book: RuleBook) -> tuple[Page, ...]:
    """The pages whose placements the book declares.

    Raises:
        InvalidInput: there is none, or the book is not about telecom customers.
    """
    pages = tuple(p for p in PAGES if all(at in book.placements for at in p.placements))
    missing = [name for name in _SPOKEN_OF if name not in book.index]
    if missing or not pages:
        wanted = missing or sorted({at for page in PAGES for at in page.placements})
        said = "the demo's customers are a telecom firm's; this rule book does not declare"
        raise InvalidInput([Violation("rules", f"{said} {', '.join(wanted)}")])
    return pages


def visits(people: int, pages: Sequence[Page], seed: int) -> Iterator[Visit]:
    """Visits without end; some people come more often than others.

    >>> first = next(visits(10, PAGES, seed=1))
    >>> first == next(visits(10, PAGES, seed=1))
    True
    """
    rng = np.random.default_rng([seed, 4])
    busy = rng.gamma(2.0, 1.0, people)
    busy /= busy.sum()
    shares = np.array([page.share for page in pages])
    shares /= shares.sum()
    while True:
        persons = rng.choice(people, _CHUNK, p=busy)
        where = rng.choice(len(pages), _CHUNK, p=shares)
        why = rng.random(_CHUNK)
        chances = rng.integers(0, 2**62, _CHUNK)
        for person, place, u, chance in zip(persons, where, why, chances, strict=True):
            page = pages[place]
            yield Visit(int(person), page, _reason(page, float(u)), int(chance))


def _reason(page: Page, u: float) -> str:
    for reason, share in page.reasons:
        u -= share
        if u < 0.0:
            return reason
    return page.reasons[-1][0]
