"""Place: slots are filled, mandatory actions lead, no action appears twice, and nothing stays empty."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from engine.arbitration import Candidates
from engine.chance import Chance
from engine.exploration import choose
from engine.model import Offer, PlacementOffers
from engine.rulebook.book import Exploration, Placement

NO_ACTION = ""


Chosen: TypeAlias = tuple[int, float]
"""One filled slot: which treatment, and the exact probability with which chance chose it."""


def fill(
    candidates: Candidates,
    mandatory: Sequence[int],
    slots: int,
    exploration: Exploration,
    *,
    chance: Chance,
    greedy: bool,
    lessons: int,
) -> list[Chosen]:
    """Fills at most `slots`: first the `mandatory` treatments, then by chance and merit."""
    led = [(treatment, 1.0) for treatment in mandatory[:slots]]
    picks = choose(
        candidates.priorities,
        slots - len(led),
        exploration,
        chance=chance,
        greedy=greedy,
        lessons=lessons,
        ties=candidates.ties,
    )
    treatment_at = candidates.treatments.item
    return led + [(treatment_at(at), probability) for at, probability in picks]


def without(treatments: list[int], actions_of: Sequence[int], taken: Collection[int]) -> list[int]:
    """The treatments whose action is not shown in another placement already."""
    return [t for t in treatments if actions_of[t] not in taken] if taken else treatments


def fallback(placement: Placement) -> PlacementOffers:
    """What the placement shows when nobody's offer fits: its own texts, standing for no action."""
    content: Mapping[str, str] = placement.fallback
    offer = Offer(
        action_id=NO_ACTION,  # type: ignore[arg-type]
        treatment_id=NO_ACTION,  # type: ignore[arg-type]
        issue="",
        group="",
        rank=1,
        priority=0.0,
        propensity=0.0,
        value=0.0,
        probability=1.0,
        content=content,
    )
    return PlacementOffers(placement.placement_id, [offer], fallback=True)
