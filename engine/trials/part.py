"""Try: what part a customer has in the trials of a book, at one moment."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import ClassVar, Final, NamedTuple

from engine.eligibility import show_moment
from engine.limits.limits import Foreseeing, Limit
from engine.model import CustomerId, Micros, Reason, Stage
from engine.rulebook.trial import JOINED, Arm, Holdout, Trials
from engine.trials.assignment import ENDLESS, Term, below, key_of, lot, term_of

EXPERIMENTS: Final = "experiments"
"""The name under which the arms draw their lots: a customer is in one of them at most."""


class Part(NamedTuple):
    """What differs for a customer: `label` names the trials, `held` keeps back what is held out."""

    label: str = ""
    arm: Arm | None = None
    held: Limit | None = None


AS_USUAL: Final = Part()
"""The part of almost everybody."""


class _Draw(NamedTuple):
    """A trial in its period: `state` is the hash before it has seen a customer."""

    state: "blake2b"
    below: bytes


class Assignment:
    """Who has which part in the trials of one book."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._since, self._until = ENDLESS, -ENDLESS
        self._terms: tuple[Term, ...] = ()
        self._keys: tuple[bytes, ...] = ()
        self._draws: tuple[_Draw, ...] = ()
        self._parts: dict[tuple[tuple[int, ...], Arm | None], Part] = {}
        self._anybody = any(h.share for h in trials.holdouts) or bool(trials.experiments.shares)

    def part(self, customer_id: CustomerId, now: Micros) -> Part:
        """The part of a customer at this moment.

        Who is in a holdout of everything is in that alone. Others may be in several holdouts, and in
        one arm besides, each by a lot of its own.
        """
        if not self._anybody:
            return AS_USUAL
        if not self._since <= now < self._until:
            self._begin(now)
        name = customer_id.encode()
        for state, least in self._draws:
            drawn = state.copy()
            drawn.update(name)
            if drawn.digest() < least:
                return self._told(customer_id)
        return AS_USUAL

    def _begin(self, now: Micros) -> None:
        """Takes up the periods around this moment."""
        trials = self._trials
        periods = (*(h.period for h in trials.holdouts), trials.experiments.period)
        self._terms = tuple(term_of(period, now, trials.timezone) for period in periods)
        self._since = max(term.start for term in self._terms)
        self._until = min(term.end for term in self._terms)
        self._keys = tuple(self._keys_now())
        self._parts = {}
        shares = (*(h.share for h in trials.holdouts), sum(s for _, s in trials.experiments.shares))
        self._draws = tuple(
            _Draw(blake2b(digest_size=8, key=key), below(share))
            for key, share in zip(self._keys, shares, strict=True)
            if share
        )

    def _keys_now(self) -> Iterator[bytes]:
        trials = self._trials
        for trial, term in zip(trials.holdouts, self._terms[:-1], strict=True):
            yield key_of(trial.salt, trial.name, term.name)
        yield key_of(trials.experiments.salt, EXPERIMENTS, self._terms[-1].name)

    def _told(self, customer_id: CustomerId) -> Part:
        *keys, arms = self._keys
        held = tuple(
            [
                at
                for at, (key, holdout) in enumerate(zip(keys, self._trials.holdouts, strict=True))
                if lot(customer_id, key) < holdout.share
            ]
        )
        arm = self._arm(lot(customer_id, arms))
        known = self._parts.get((held, arm))
        if known is None:
            known = self._parts[held, arm] = self._made(held, arm)
        return known

    def _made(self, held: tuple[int, ...], arm: Arm | None) -> Part:
        """The part of who is in these holdouts (by place) and in this arm."""
        holdouts = [(self._trials.holdouts[at], self._terms[at]) for at in held]
        whole = [(holdout, term) for holdout, term in holdouts if holdout.whole]
        if whole:
            return Part(whole[0][0].name, None, Held(whole[:1]))
        names = [holdout.name for holdout, _ in holdouts] + ([arm] if arm else [])
        return Part(JOINED.join(names), arm, Held(holdouts) if holdouts else None)

    def _arm(self, drawn: float) -> Arm | None:
        before = 0.0
        for arm, share in self._trials.experiments.shares:
            before += share
            if drawn < before:
                return arm
        return None


class Held(Foreseeing):
    """What holdouts keep back; see `engine.limits.limits.Limit`."""

    stage: ClassVar = Stage.ARBITRATION

    __slots__ = ("_closed", "_held")

    def __init__(self, held: Sequence[tuple[Holdout, Term]]) -> None:
        self._held = tuple(held)
        self._closed = frozenset[int]().union(*(holdout.treatments for holdout, _ in held))

    def open_to(self, treatments: Sequence[int]) -> list[int]:
        """Those that are not held out."""
        return [t for t in treatments if t not in self._closed]

    def steady(self, picks: int) -> bool:  # noqa: ARG002  # the limits' contract
        """An offer changes nothing for the next."""
        return True

    def chosen(self, treatment: int) -> None:
        """Nothing is counted."""

    def together(self, treatments: Sequence[int]) -> bool:
        """Whether none of these is held out."""
        return self._closed.isdisjoint(treatments)

    def reasons(self, treatment: int) -> tuple[Reason, ...]:
        """One for each holdout that keeps it back."""
        return tuple(
            _reason(holdout, term)
            for holdout, term in self._held
            if treatment in holdout.treatments
        )


def _reason(holdout: Holdout, term: Term) -> Reason:
    what = "nothing" if holdout.whole else "none of these"
    text = (
        f"{holdout.title or holdout.name}: {holdout.share * 100:g} % of customers, chosen by lot,"
        f" are offered {what}, to see what offers change"
    )
    saw = {}
    if term.end < ENDLESS:
        saw["until"] = show_moment(term.end)
        text += f"; lots are drawn again at {saw['until']}"
    return Reason(Stage.ARBITRATION, holdout.code, False, text, holdout.place, saw)
