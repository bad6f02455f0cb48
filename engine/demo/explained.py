"""A few decisions of the learned arm to look at closely: one for each page, where learning changed the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.demo.arms import Arm
from engine.demo.client import Client
from engine.demo.visits import Page, Visit
from engine.demo.world import World
from engine.model import Value
from engine.wire.decision_pb2 import DecideResponse

_TRIED: Final = 12
_KEPT_OUT: Final = 3
_SHORT: Final = 60
_REASONS: Final = ("browse", "upgrade", "bill")
_TOLD: Final = (
    ("customer.age", "{} years old"),
    ("customer.segment", "{}"),
    ("customer.tenure_months", "{} months with us"),
    ("telco.plan", "plan {}"),
    ("telco.data_gb_month", "{:.0f} GB a month"),
    ("telco.minutes_month", "{:.0f} minutes a month"),
    ("telco.internet", "broadband: {}"),
    ("telco.contract", "{}"),
    ("telco.monthly_charges", "€{:.0f} a month"),
)


@dataclass(frozen=True, slots=True)
class Explained:
    """One decision: who it was for, what was decided and why, and what rules alone would have shown.

    `response` keeps all who competed and a few of those a rule kept out; `left_out` counts the rest.
    """

    customer_id: str
    who: str
    rules_alone: str
    response: DecideResponse
    left_out: int


async def explained(world: World, client: Client, pages: Sequence[Page]) -> list[Explained]:
    """One explained decision for each page, preferably one where the learned choice is another's."""
    mine = [i for i, arm in enumerate(world.arms) if arm is Arm.LEARNED]
    stories: list[Explained] = []
    for at, page in enumerate(pages):
        reason = _REASONS[at % len(_REASONS)]
        here = mine[at * _TRIED : (at + 1) * _TRIED]
        told = [await _story(world, client, Visit(i, page, reason, 0)) for i in here]
        seen = {_shown(story) for story in stories}
        told.sort(key=lambda story: (_shown(story) not in seen, _interest(story)), reverse=True)
        stories += told[:1]
    return stories


async def _story(world: World, client: Client, visit: Visit) -> Explained:
    customer_id = world.people[visit.person].customer_id
    response = await client.explain(customer_id, visit)
    first = response.placements[0].placement
    scored = [
        c for c in response.trace.candidates if c.HasField("factors") and c.placement == first
    ]
    by_rules = max(
        scored, key=lambda c: c.factors.context * c.factors.value * c.factors.lever, default=None
    )
    kept = _pruned(response)
    return Explained(
        customer_id,
        _who(world.profile(visit.person), visit),
        by_rules.action_id if by_rules else "",
        kept,
        len(response.trace.candidates) - len(kept.trace.candidates),
    )


def _pruned(response: DecideResponse) -> DecideResponse:
    """The response with all who competed, and the first few that a rule kept out, with that rule."""
    kept, out = DecideResponse(), 0
    kept.CopyFrom(response)
    del kept.trace.candidates[:]
    for candidate in response.trace.candidates:
        competed = candidate.HasField("factors")
        telling = [r for r in candidate.reasons if r.place and len(r.detail) <= _SHORT]
        if not competed and (not telling or out == _KEPT_OUT):
            continue
        out += not competed
        told = kept.trace.candidates.add()
        told.CopyFrom(candidate)
        del told.reasons[:]
        told.reasons.extend(telling[:1])
    return kept


def _shown(story: Explained) -> str:
    return story.response.placements[0].offers[0].action_id


def _interest(story: Explained) -> tuple[bool, int]:
    """Another choice than the rules' is interesting (unless it was an experiment); so is a wide one."""
    competed = sum(c.HasField("factors") for c in story.response.trace.candidates)
    first = story.response.placements[0].offers[0]
    differs = first.action_id not in {"", story.rules_alone}
    return (differs and 0.5 < first.probability < 1.0, competed)


def _who(profile: Mapping[str, Value], visit: Visit) -> str:
    """A line on somebody."""
    facts = [text.format(profile[name]) for name, text in _TOLD if name in profile]
    why = f", because of: {visit.reason}" if visit.reason else ""
    return f"{', '.join(facts)}. On the {visit.page.name}{why}."
