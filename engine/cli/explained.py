"""A decision as tables that a marketer understands: what is shown, who competed, who is out and why."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.challenger.plan import CHALLENGER
from engine.rulebook.trial import JOINED
from engine.stages import STAGES
from engine.wire.decision_pb2 import (
    CandidateTrace,
    DecideResponse,
    Degradation,
    Offer,
    PlacementOffers,
    Reason,
)

_WIDTH: Final = 200
_READING: Final = {"headline": 0, "subject": 0, "cta": 2}
_NO_TREATMENT: Final = "availability.no_treatment"
_TESTS: Final = frozenset({"consent", "eligible_when", "applicable_when", "suitable_when", "when"})
_STAGES: Final = {
    Reason.STAGE_AVAILABILITY: "1 availability",
    Reason.STAGE_ELIGIBILITY: "2 eligibility",
    Reason.STAGE_APPLICABILITY: "3 applicability",
    Reason.STAGE_SUITABILITY: "4 suitability",
    Reason.STAGE_CONSENT_AND_CONTACT: "5 consent and contact",
    Reason.STAGE_CAPS_AND_BUDGETS: "6 caps and budgets",
    Reason.STAGE_PROPENSITY_THRESHOLD: "7 propensity threshold",
    Reason.STAGE_ARBITRATION: "8 arbitration",
    Reason.STAGE_PLACEMENT: "9 placement",
}
_SKIPPED: Final = {
    Degradation.STEP_PROFILE: "the profile",
    Degradation.STEP_PROPENSITY: "the model",
    Degradation.STEP_RULES: "the rules",
    Degradation.STEP_RECORD: "the record",
    Degradation.STEP_CAPS: "what is capped",
}


def show(response: DecideResponse, customer_id: str, console: Console) -> None:
    """Prints the decision; with its trace, if it has one."""
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    for placed in response.placements:
        console.print(_offers(placed))
        for part in _why(placed, response.trace.candidates):
            console.print(part)
    for line in _remarks(response, customer_id):
        console.print(line)


def _why(placed: PlacementOffers, all_: Iterable[CandidateTrace]) -> Iterator[Table | str]:
    """Who competed, who is out and why, and who was never meant for this placement."""
    candidates = [c for c in all_ if c.placement == placed.placement]
    if any(c.HasField("factors") for c in candidates):
        yield _competition(placed, candidates)
        yield from (
            f"{c.action_id}: {note}\n"
            for c in candidates
            if c.HasField("factors")
            for note in c.notes
        )
    elsewhere = [c for c in candidates if c.reasons and c.reasons[0].code == _NO_TREATMENT]
    out = [c for c in candidates if c.reasons and c not in elsewhere]
    if out:
        yield _exclusions(placed, out)
    if elsewhere:
        names = ", ".join(sorted(c.action_id for c in elsewhere))
        yield f"{placed.placement}: these have no treatment here: {names}\n"


def _offers(placed: PlacementOffers) -> Table:
    table = _table(
        f"{placed.placement}: "
        + ("nothing to offer now, so the fallback is shown" if placed.fallback else "shown"),
        ("#", "Action", "Treatment", "Text"),
    )
    for offer in placed.offers:
        table.add_row(str(offer.rank), _named(offer), offer.treatment_id, _texts(offer))
    return table


def _named(offer: Offer) -> str:
    """The action, and the bundle it is shown in."""
    name = offer.action_id or "(fallback)"
    return f"{name}\nin bundle {offer.bundle}" if offer.bundle else name


def _texts(offer: Offer) -> str:
    """The texts as one reads them: what leads first, the button last, all others by name between."""
    names = sorted(offer.content, key=lambda name: (_READING.get(name, 1), name))
    return "\n".join(f"{name}: {offer.content[name]}" for name in names)


def _competition(placed: PlacementOffers, candidates: Iterable[CandidateTrace]) -> Table:
    """Everybody who was scored, best first: Priority = P · C · V · L."""
    chosen_with = {offer.action_id: offer.probability for offer in placed.offers}
    table = _table(
        f"{placed.placement}: who competed (priority = P · C · V · L)",
        (
            "Shown",
            "Action",
            "Priority",
            "P propensity",
            "C context",
            "V value",
            "L lever",
            "Chosen with",
        ),
        numbers=6,
        whole=("Action",),
    )
    for c in sorted(
        (c for c in candidates if c.HasField("factors")), key=lambda c: -c.factors.priority
    ):
        f, probability = c.factors, chosen_with.get(c.action_id)
        table.add_row(
            f"#{c.rank}" if c.rank else "",
            c.action_id,
            _number(f.priority),
            _number(f.propensity),
            _number(f.context),
            _number(f.value),
            _number(f.lever),
            f"{probability:.1%}" if c.rank and probability is not None else "",
            style="bold" if c.rank else "",
        )
    return table


def _exclusions(placed: PlacementOffers, out: Iterable[CandidateTrace]) -> Table:
    """Every reason of everybody, those first who came furthest in the funnel."""
    table = _table(
        f"{placed.placement}: who is out", ("Action", "Because", "What it saw"), whole=("Action",)
    )
    for c in sorted(out, key=lambda c: (-c.reasons[0].stage, c.action_id)):
        for i, reason in enumerate(c.reasons):
            table.add_row(
                "" if i else c.action_id,
                _because(reason),
                "\n".join(f"{name} = {value}" for name, value in sorted(reason.saw.items())),
                end_section=i == len(c.reasons) - 1,
            )
    return table


def _because(reason: Reason) -> Text:
    """A condition with its verdict (the engine's own reasons are sentences already), and its place."""
    told = Text(reason.detail)
    if reason.code.partition(".")[0] in _TESTS:
        verdict = ("cannot be told: ", "yellow") if reason.unknown else ("is not so: ", "red")
        told = Text.assemble(verdict, reason.detail)
    where = "  ".join(filter(None, (_STAGES.get(reason.stage, ""), reason.code, reason.place)))
    return Text.assemble(told, "\n", (where, "dim"))


def _remarks(response: DecideResponse, customer_id: str) -> Iterable[str]:
    for skipped in response.degraded:
        yield f"Without {_SKIPPED.get(skipped.step, 'a step')}: {skipped.reason}"
    for name in response.holdout.split(JOINED) if response.holdout else ():
        of, _, challenger = name.partition(".")
        what = f"For a customer of the challenger {challenger}" if of == CHALLENGER else ""
        yield what or f"In the holdout {name}"
    yield (
        f"Decision {response.decision_id}, rule book {response.rulebook_version[:8]},"
        f" model {response.model_version}"
    )
    timings = response.trace.timings_us
    if timings:
        order = (stage for stage in (*STAGES, "explain") if stage in timings)
        yield "Microseconds: " + ", ".join(f"{stage} {timings[stage]:,.0f}" for stage in order)
    shown = [o.action_id for p in response.placements for o in p.offers if o.action_id]
    if shown and response.token:
        yield (
            f"Tell what became of it: attune record {customer_id} --action {shown[0]}"
            f" --decision {response.decision_id} --outcome click"
        )


def _table(
    title: str, columns: Sequence[str], numbers: int = 0, whole: Sequence[str] = ()
) -> Table:
    """An empty table; `whole` columns are never broken, however narrow the terminal."""
    table = Table(title=title, title_justify="left", title_style="bold", show_lines=False)
    for i, column in enumerate(columns):
        table.add_column(
            column,
            justify="right" if 2 <= i < 2 + numbers else "left",
            overflow="fold",
            no_wrap=column in whole,
        )
    return table


def _number(x: float) -> str:
    if x != x:  # noqa: PLR0124 -- only what is not a number differs from itself
        return "?"
    return f"{x:,.4g}" if abs(x) < 10_000 else f"{x:,.0f}"
