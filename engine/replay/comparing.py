"""Comparing: a decision and the same made again, step by step along its journey, bit for bit."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.codec import DecisionRecord, encode_decision
from engine.model import Contest, Decision, Offer, PlacementOffers, Question, Value
from engine.rulebook.book import RuleBook


class Verdict(StrEnum):
    """What became of a comparison; `RECORDED` was taken from the record and not worked out anew."""

    EQUAL = "equal"
    DIFFERS = "differs"
    RECORDED = "recorded"
    UNTOLD = "cannot be told"


class Check(NamedTuple):
    """One step of the journey; `detail` is the first difference, or what there is to know."""

    step: str
    verdict: Verdict
    detail: str = ""


def compared(record: DecisionRecord, again: Decision, book: RuleBook) -> Iterator[Check]:
    """Every step of a record and of the decision made from it again by its book."""
    recorded = record.decision
    yield _check("rules", _entered(recorded, again, book))
    yield _limits(recorded)
    yield _check("context, value and lever", _factors(recorded, again, book))
    yield _check("priorities", _priorities(recorded, again, book))
    yield _check("choice", _choice(recorded, again))
    yield _check("probabilities", _numbers(recorded, again, ("probability",)))
    yield _check("offers", _numbers(recorded, again, ("priority", "propensity", "value")))
    yield _check("texts", _texts(recorded, again))
    yield _check("record", _bytes(record, again))


def attributes(values: Sequence[Value], again: Sequence[Value], book: RuleBook) -> Check:
    """Whether the attributes the rules saw are those of the question, its time and its placements."""
    for attribute, recorded, anew in zip(book.attributes, values, again, strict=True):
        if repr(recorded) != repr(anew):
            return _check("attributes", f"{attribute.name} was {recorded!r}, is {anew!r}")
    return _check("attributes", "")


def _check(step: str, difference: str) -> Check:
    return Check(step, Verdict.DIFFERS if difference else Verdict.EQUAL, difference)


def _limits(recorded: Decision) -> Check:
    grounds = recorded.grounds
    if grounds is None:
        return Check("limits", Verdict.RECORDED, "an older record, which does not say")
    if grounds.limits is None:
        return Check("limits", Verdict.RECORDED, "none stood")
    kept_out = {
        treatment
        for answer in grounds.limits
        if isinstance(answer, tuple)
        for narrowed in answer
        for treatment in narrowed.closed
    }
    return Check("limits", Verdict.RECORDED, f"{len(kept_out)} treatments were kept back")


def _entered(recorded: Decision, again: Decision, book: RuleBook) -> str:
    """Who got as far as arbitration."""
    if recorded.grounds is None or again.grounds is None:
        return ""
    pairs = zip(recorded.contests, recorded.grounds.entered, again.grounds.entered, strict=True)
    for contest, then, now in pairs:
        before, after = set(then.actions), set(now.actions)
        if before != after:
            names = sorted(book.actions[action].action_id for action in before ^ after)
            which = "is let in now" if after - before else "was let in then"
            return f"{contest.placement}: {', '.join(names)} {which} only"
    return ""


def _factors(recorded: Decision, again: Decision, book: RuleBook) -> str:
    for then, now in _contests(recorded, again):
        for name in ("context", "value", "lever"):
            before, after = (getattr(contest, name)[then.actions] for contest in (then, now))
            if difference := _first(then, before, after, book):
                return f"{then.placement}: {name} of {difference}"
    return ""


def _priorities(recorded: Decision, again: Decision, book: RuleBook) -> str:
    for then, now in _contests(recorded, again):
        if then.actions.tolist() != now.actions.tolist():
            return f"{then.placement}: {len(then.actions)} competed, {len(now.actions)} do now"
        if difference := _first(then, then.priorities, now.priorities, book):
            return f"{then.placement}: priority of {difference}"
    return ""


def _first(
    contest: Contest, then: npt.NDArray[np.float64], now: npt.NDArray[np.float64], book: RuleBook
) -> str:
    """The first number of which not all bits are equal."""
    differing = np.flatnonzero(then.view(np.uint64) != now.view(np.uint64))
    if not differing.size:
        return ""
    at = differing[0]
    name = book.actions[contest.actions[at]].action_id
    return f"{name} was {then[at]!r}, is {now[at]!r}"


def _contests(recorded: Decision, again: Decision) -> Iterator[tuple[Contest, Contest]]:
    return zip(recorded.contests, again.contests, strict=False)


def _choice(recorded: Decision, again: Decision) -> str:
    for then, now in _placements(recorded, again):
        before, after = (
            [(offer.treatment_id, offer.rank, offer.bundle) for offer in placed.offers]
            for placed in (then, now)
        )
        if (before, then.fallback) != (after, now.fallback):
            return f"{then.placement}: {_named(then)} was shown, {_named(now)} is chosen now"
    return ""


def _named(placed: PlacementOffers) -> str:
    if placed.fallback:
        return "the fallback"
    return ", ".join(offer.treatment_id for offer in placed.offers) or "nothing"


def _numbers(recorded: Decision, again: Decision, names: Sequence[str]) -> str:
    for then, now in _offers(recorded, again):
        for name in names:
            before, after = getattr(then, name), getattr(now, name)
            if float(before).hex() != float(after).hex():
                return f"{name} of {then.action_id} was {before!r}, is {after!r}"
    return ""


def _texts(recorded: Decision, again: Decision) -> str:
    for then, now in _offers(recorded, again):
        for name in then.content.keys() | now.content.keys():
            before, after = then.content.get(name), now.content.get(name)
            if before != after:
                return (
                    f"{name} of {then.treatment_id or 'the fallback'} was {before!r}, is {after!r}"
                )
    return ""


def _offers(recorded: Decision, again: Decision) -> Iterator[tuple[Offer, Offer]]:
    for then, now in _placements(recorded, again):
        yield from zip(then.offers, now.offers, strict=False)


def _placements(
    recorded: Decision, again: Decision
) -> Iterator[tuple[PlacementOffers, PlacementOffers]]:
    return zip(recorded.placements, again.placements, strict=False)


def _bytes(record: DecisionRecord, again: Decision) -> str:
    """Whether the record of the decision made again is the same to the last byte."""
    then = record.decision
    if then.grounds is None:
        again.grounds = None
    one, other = (_in_full(record.question, decision) for decision in (then, again))
    return "" if one == other else "its bytes are not the same"


def _in_full(question: Question, decision: Decision) -> bytes:
    """A decision's record with every number of its contests, also those that another record may do without."""
    contests = tuple(
        contest._replace(
            context=contest.context.copy(),
            value=contest.value.copy(),
            lever=contest.lever.copy(),
            weighed=False,
        )
        for contest in decision.contests
    )
    return encode_decision(DecisionRecord(question, replace(decision, contests=contests)))
