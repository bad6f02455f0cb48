"""Place: slots are filled, mandatory actions lead, no action appears twice, and nothing stays empty."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.arbitration import Candidates
from engine.bundling import Bundling
from engine.effects import or_nothing
from engine.exploration.allowance import Draw, Meter
from engine.exploration.chance import Chance
from engine.exploration.choice import drawing
from engine.exploration.exposures import Experience
from engine.exploration.thompson import Doubt
from engine.limits.limits import NO_LIMITS, Limits
from engine.model import Offer, PlacementOffers
from engine.native import native
from engine.native.interpreted import Chosen
from engine.rulebook.book import Exploration, Placement

NO_ACTION = ""


def fill(
    candidates: Candidates,
    mandatory: Sequence[int],
    slots: int,
    exploration: Exploration,
    *,
    chance: Chance,
    greedy: bool,
    lessons: int,
    limits: Limits = NO_LIMITS,
    bundling: Bundling | None = None,
    doubt: Doubt | Experience | None = None,
    meter: Meter | None = None,
    nothing: bool = False,
) -> list[Chosen]:
    """Fills at most `slots`: first the `mandatory` treatments, then by chance and merit.

    Where a choice may close something to later slots, slots are filled one by one, each from what
    `limits` still admit; its probability is then the exact one among those. What chance draws is the
    same either way. A bundle fills as many slots as it has actions, each with the probability with
    which chance chose the bundle. `doubt` is how sure the propensities are; `meter` counts what chance
    gives up. With `nothing`, offering nothing competes too, with priority 0, where the policy tries out
    what is not the best: if it is drawn, the slots from there on stay empty.
    """
    led: list[Chosen] = [(treatment, 1.0, "") for treatment in mandatory[:slots]]
    steady = limits.steady(min(slots, len(mandatory) + len(candidates.treatments)) - 1)
    limits.chosen(mandatory[:slots])
    draw = drawing(exploration, chance, greedy=greedy, lessons=lessons, doubt=doubt)
    if meter is not None and not greedy:
        draw = meter.metered(draw)
    if nothing and not greedy:
        draw = or_nothing(draw)
    left = slots - len(led)
    if bundling is not None:
        return led + _together(candidates, left, draw, limits, bundling)
    if not steady:
        return led + _one_by_one(candidates, left, draw, limits)
    treatments, actions, priorities, ties = candidates
    chosen = native.slots(draw(priorities, left, ties, actions), treatments)
    if limits is not NO_LIMITS:
        limits.chosen([treatment for treatment, _, _ in chosen])
    return led + chosen


def _one_by_one(candidates: Candidates, slots: int, draw: Draw, limits: Limits) -> list[Chosen]:
    """Fills at most `slots`, each from the candidates that are open after those before it."""
    chosen: list[Chosen] = []
    while len(chosen) < slots:
        candidates = _still_open(candidates, limits)
        picks = draw(candidates.priorities, 1, candidates.ties, candidates.actions)
        if not picks:
            break
        [(at, probability)] = picks
        treatment = candidates.treatments.item(at)
        chosen.append((treatment, probability, ""))
        limits.chosen([treatment])
        candidates = _kept(candidates, np.arange(len(candidates.treatments)) != at)
    return chosen


def _together(
    candidates: Candidates, slots: int, draw: Draw, limits: Limits, bundling: Bundling
) -> list[Chosen]:
    """Fills at most `slots`, each from the bundles and single candidates that fit in what is left."""
    chosen: list[Chosen] = []
    while len(chosen) < slots:
        candidates = _still_open(candidates, limits)
        entries = bundling.entries(candidates, slots - len(chosen), limits)
        if not chosen:
            limits.exclude(entries.apart)
        leads = candidates.actions[entries.positions]
        picks = draw(entries.priorities, 1, entries.ties, leads)
        if not picks:
            break
        [(at, probability)] = picks
        bundle, shown, _ = entries.brought(at)
        positions = list(shown)
        treatments = candidates.treatments[positions].tolist()
        chosen += [(treatment, probability, bundle) for treatment in treatments]
        limits.chosen(treatments)
        keep = np.ones(len(candidates.treatments), dtype=np.bool_)
        keep[positions] = False
        candidates = _kept(candidates, keep)
    return chosen


def _still_open(candidates: Candidates, limits: Limits) -> Candidates:
    treatments = candidates.treatments.tolist()
    admitted = limits.open_to(treatments)
    if len(admitted) == len(treatments):
        return candidates
    kept = frozenset(admitted)
    return _kept(candidates, np.array([treatment in kept for treatment in treatments]))


def _kept(candidates: Candidates, where: npt.NDArray[np.bool_]) -> Candidates:
    treatments, actions, priorities, ties = candidates
    return Candidates(treatments[where], actions[where], priorities[where], ties[where])


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
