"""Decide: the journey of one decision, from the question to the offers, as pure steps over values."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine import placement
from engine.arbitration import Arbiter, Candidates, Merit, Vector
from engine.bundling import Bundling
from engine.circumstances import Circumstances, Foresight
from engine.contact.household import asks_for_households
from engine.customer import Knowledge
from engine.deadline import Pace
from engine.effects import Effects, calmly, tries_nothing
from engine.explain import Sight, Telling
from engine.exploration.allowance import Allowance, Meter
from engine.exploration.chance import Chance
from engine.exploration.exposures import Experience, Exposures, asks_for_exposures
from engine.exploration.thompson import Doubt, Doubts, Tables
from engine.grounds import NO_VENTURE, Entered, Grounds, Venture
from engine.influence import Influences
from engine.join import longest_window
from engine.learning.evidence import Evidence
from engine.limits.guards import guards_of
from engine.limits.limits import Guard, Limits
from engine.model import (
    ActionId,
    Contest,
    Customer,
    Decision,
    Degradation,
    Micros,
    PlacementId,
    PlacementOffers,
    Question,
    Step,
    Unknown,
    Value,
)
from engine.native import native
from engine.native.interpreted import Card, Chosen
from engine.rulebook.book import Action, ActionClass, RuleBook, Treatment, Truth
from engine.rulebook.rendering import FixedTexts
from engine.rulebook.trial import Arm
from engine.trials.arms import EligibilityOnly, varied
from engine.trials.part import Assignment
from engine.triggers.scored import Scored

Propensities = npt.NDArray[np.float64]

_REPLY = 0.000_5
_RULES_GUESS = 0.000_3
_SCORE_GUESS = 0.000_3
_KEPT = 4_096


class Features(Protocol):
    """What the model wants to see of a customer."""

    @property
    def digest(self) -> str:
        """Names the schema, so that what was read can be understood later."""

    def read(self, values: Sequence[Value], customer: Customer, now: Micros) -> Sequence[Value]:
        """The raw feature values, in the schema's order."""


class Model(Protocol):
    """The model as a decision sees it, bound to the actions of one book."""

    @property
    def features(self) -> Features:
        """What it reads."""

    @property
    def lessons(self) -> int:
        """How many lessons it has learned."""

    @property
    def version(self) -> str:
        """Names these very weights."""

    @property
    def evidence(self) -> Evidence:
        """How much has been seen of each action."""

    def predict(
        self, features: Sequence[Value], channel: str, actions: npt.NDArray[np.intp]
    ) -> Propensities:
        """The propensity of each of `actions` (indexes of the book), shape (K,), in (0, 1)."""


class Consulted(Protocol):
    """Models that have to be asked about one candidate after the other."""

    def consult(
        self,
        propensities: Propensities,
        features: Sequence[Value],
        channel: str,
        candidates: Collection[int],
        left: Callable[[], float],
    ) -> tuple[Degradation, ...]:
        """Corrects the propensities of `candidates` (indexes of the book) in place.

        `left` says how many seconds are left. Returns what was left out for want of time.
        """


@native.quick
class Scores(NamedTuple):
    """What the model saw and said: propensities of every action of the book, None if not asked.

    `schema`, `version` and `lessons` are those of the model as it was then.
    """

    features: Sequence[Value] | None
    propensities: Propensities | None
    schema: str
    version: str
    lessons: int
    degraded: tuple[Degradation, ...] = ()


@native.quick
class Findings(NamedTuple):
    """All that a decision follows from, besides its question, its seed and the book.

    `sights` are one for each placement asked for; `pull` is what the customer's past adds to C;
    `holdout` names the trials the customer is in. `tables` are how sure the propensities are, where the
    policy asks, `exposures` how often each action was shown, likewise, and `left` how much expected value
    may still be given up today, where the book limits it.
    """

    sights: Sequence[Sight]
    scores: Scores
    limits: Limits
    pull: Vector | None
    holdout: str
    tables: Tables | None = None
    left: float | None = None
    exposures: Vector | None = None


class Decider:
    """Decides by one rule book and the model bound to it; made anew for each book, swapped whole.

    `clock` is monotonic, in seconds; it measures steps and never enters a decision's content. `guards`
    keep the limits of the book, by default those of `guards_of`, which remember no other decision.
    `allowance` is what exploration has given up today, by default nothing.
    """

    def __init__(
        self,
        book: RuleBook,
        model: Model,
        clock: Callable[[], float],
        guards: Sequence[Guard] | None = None,
        allowance: Allowance | None = None,
        consulted: Consulted | None = None,
    ) -> None:
        self.book = book
        self.counts_for = longest_window(book)
        self._consulted = consulted
        self._exploration = book.arbitration.exploration
        self._allowance = Allowance() if allowance is None else allowance
        self._doubts = Doubts(book) if self._exploration.policy == "thompson" else None
        self._by_propensity = "P" in book.arbitration.factors
        evident = asks_for_exposures(self._exploration, by_propensity=self._by_propensity)
        self._exposures = Exposures(book) if evident else None
        self._tries_nothing = tries_nothing(self._exploration)
        self._guards = guards_of(book) if guards is None else guards
        self.asks_for_households = asks_for_households(book)
        self.model = model
        self._clock = clock
        self._knowledge = Knowledge(book)
        self._arbiter = Arbiter(book)
        self._influences = Influences(book)
        self._assignment = Assignment(book.trials)
        self._eligibility_only = EligibilityOnly(book)
        self._bundlings = Bundling.by_placement(book)
        self._effects = Effects(book) if book.measured else None
        self._action_of = tuple(t.action for t in book.treatments)
        self._cards = tuple(_card(t, book.actions[t.action]) for t in book.treatments)
        self._mandatory = frozenset(
            a.index for a in book.actions if a.action_class is ActionClass.MANDATORY
        )
        self._rules_pace = Pace(_RULES_GUESS, _REPLY)
        self._score_pace = Pace(_SCORE_GUESS, _REPLY)
        self._last_known: OrderedDict[tuple[str, str], Propensities] = OrderedDict()

    def take_up(self, model: Model, consulted: Consulted | None) -> None:
        """Scores by another model of the same book from now on; what is known of customers stays."""
        self.model, self._consulted = model, consulted

    def decide(self, question: Question, given: Circumstances) -> Decision:
        """The offers for this question, within the budget: never empty, and never late for want of a step.

        The ladder when time runs short: full answer → last known propensities → rules only → the
        placements' fallback. (The profile's rung is climbed before: see `Circumstances.degraded`.)
        """
        started, stopwatch = self._clock(), given.stopwatch
        part = self._assignment.part(question.customer_id, given.now)
        if not self._rules_pace.allows(given.budget.left()):
            left = max(given.budget.left(), 0.0) * 1000
            late = Degradation(Step.RULES, f"deadline: {left:.1f} ms were left")
            stopwatch.ruled = stopwatch.scored = started
            return self.fall_back(question, given, self._scores(None, None, late), part.label)
        seen = given.foresight
        if seen is None or not self._holds(seen, given):
            seen = self._look(question, given, part.arm, started)
        sights, scores, filtered, scored = seen.sights, seen.scores, seen.ruled, seen.scored
        if self._consulted is not None and scores.features is not None:
            scores = self._consult(self._consulted, question, given, sights, scores)
            scored = self._clock()
        stopwatch.ruled, stopwatch.scored = max(filtered, started), max(scored, started)
        limits = Limits.standing(self._guards, question, given, sights[0].values, part.held)
        pull = self._influences.pull(given.customer, given.now)
        findings = Findings(
            sights,
            scores,
            limits,
            pull,
            part.label,
            self._sureness(scores),
            self._left(given.now),
            self._shown(scores),
        )
        decision = self.conclude(question, given, findings)
        if question.explain:
            decided = self._clock()
            moved = self._influences.felt(given.customer, given.now).told
            telling = self.explain(decision, findings, moved)
            telling.stopwatch = stopwatch
            if given.tell_later:
                decision.telling = telling
                return decision
            timings = {
                "rules": (filtered - started) * 1e6,
                "score": (scored - filtered) * 1e6,
                "arbitrate": (decided - scored) * 1e6,
            }
            decision.trace = telling.trace(timings)
        return decision

    def foresee(self, question: Question, given: Circumstances) -> Foresight | None:
        """What the rules and the model say, for `decide` to go on from if the customer turns out to be that one.

        None where time is too short to do more than once what has to be done. Nothing is counted, and no
        limit looked at: what that depends on may change until the decision.
        """
        left = given.budget.left() / 2
        if not (self._rules_pace.allows(left) and self._score_pace.allows(left)):
            return None
        part = self._assignment.part(question.customer_id, given.now)
        return self._look(question, given, part.arm, self._clock())

    def _look(
        self, question: Question, given: Circumstances, arm: Arm | None, started: float
    ) -> Foresight:
        """The half of a decision that depends on the customer and the question alone."""
        values = self._knowledge.values(given.customer, question, given.now)
        sights = self.see(question, values, given.now, arm)
        filtered = self._clock()
        self._rules_pace.took(filtered - started)
        scores = self._score(question, given, sights)
        scored = self._clock()
        if scores.features is not None:
            self._score_pace.took(scored - filtered)
        return Foresight(
            given.customer, given.now, self, self.model, sights, scores, filtered, scored
        )

    def _holds(self, foresight: Foresight, given: Circumstances) -> bool:
        """Whether it says what this decider would say now."""
        return (
            foresight.customer is given.customer
            and foresight.now == given.now
            and foresight.decider is self
            and foresight.model is self.model
        )

    def conclude(self, question: Question, given: Circumstances, findings: Findings) -> Decision:
        """The decision that follows from these findings; it depends on nothing else."""
        meter = None if findings.left is None else Meter(findings.left)
        if self._effects is not None:
            findings = findings._replace(scores=self._expecting(question, given, findings.scores))
        contests, placed, entered, missed = self._arbitrate_and_place(
            question, given, findings, meter
        )
        answers = findings.limits.answers
        grounds = Grounds(
            tuple(entered), answers or None, findings.pull, _venture(contests, findings)
        )
        decision = self._answer(
            question,
            given,
            findings.sights[0].values,
            findings.scores,
            contests,
            placed,
            findings.holdout,
            grounds,
        )
        if meter is not None:
            decision.given_up = meter.given_up
        decision.held_out = tuple(dict.fromkeys(missed))
        return decision

    def explain(
        self,
        decision: Decision,
        findings: Findings,
        moved: Callable[[Action], tuple[str, ...]],
    ) -> Telling:
        """The story of a decision that `conclude` made of these findings, with limits that tell.

        `moved` says in words what a customer's past adds to an action's C.
        """
        return Telling(
            self.book,
            self._arbiter,
            findings.sights,
            findings.scores.propensities,
            decision,
            findings.limits.told,
            findings.pull,
            moved,
        )

    def prepare(self, now: Micros) -> None:
        """Works out what all decisions at this time need, so that the first one need not."""
        self._arbiter.prepare(now)

    def commit(self, decision: Decision) -> None:
        """Counts a final decision of this decider against the limits; to be called before the next one."""
        for guard in self._guards:
            guard.commit(decision)
        if self._exploration.give_up_per_day is not None:
            decision.given_up_today = self._allowance.spend(
                decision.decided_at, self._exploration.timezone, decision.given_up
            )

    def see(
        self, question: Question, values: list[Value], now: Micros, arm: Arm | None
    ) -> list[Sight]:
        """For each placement what the rules see, and the treatments they let through.

        `values` are those of the first placement, in the order of the book's attributes; `arm` is the
        experiment the customer is in.
        """
        book = self.book
        truths = book.conditions_of(values)
        sights = []
        for at in question.placements:
            if book.reads_placement and at != question.placements[0]:
                values = self._knowledge.at(values, at)
                truths = book.conditions_of(values)
            tried = arm if arm is None or not self._at_risk(truths) else None
            lenient = tried is Arm.ELIGIBILITY_ONLY
            select = self._eligibility_only.at(at) if lenient else book.select_for[at]
            sights.append(Sight(at, values, truths, select(truths, values, now), tried))
        return sights

    def _score(self, question: Question, given: Circumstances, sights: Sequence[Sight]) -> Scores:
        key = (question.customer_id, question.channel)
        if not self._score_pace.allows(given.budget.left()):
            last = self._last_known.get(key)
            if last is None:
                last = self._told(given.scored())
            what = "propensities count as equal" if last is None else "the last known are used"
            return self._scores(None, last, Degradation(Step.PROPENSITY, f"deadline: {what}"))
        features = self.model.features.read(sights[0].values, given.customer, given.now)
        if self._effects is None or self._effects.may_come([s.treatments for s in sights]):
            propensities = self.model.predict(features, question.channel, self._arbiter.all_actions)
        else:
            others = self.model.predict(features, question.channel, self._effects.others)
            propensities = self._effects.without_changes(others)
        self._keep_scores(key, propensities)
        return self._scores(features, propensities)

    def _keep_scores(self, key: tuple[str, str], propensities: Propensities) -> None:
        if len(self._last_known) >= _KEPT:
            self._last_known.popitem(last=False)
        self._last_known[key] = propensities

    def _told(self, scored: Scored | None) -> Propensities | None:
        """What was said elsewhere, over the actions of this book; None if nothing was."""
        return None if scored is None else scored.over([a.action_id for a in self.book.actions])

    def score(self, customer: Customer, channel: str, now: Micros) -> Propensities:
        """The propensity of every action for a customer on a channel, outside of any decision; shape (K,).

        They are the last known ones from now on, for a decision that has no time to ask the model.
        """
        placement = next(iter(self.book.placements), PlacementId(""))
        question = Question(customer.customer_id, channel, (placement,))
        values = self._knowledge.values(customer, question, now)
        features = self.model.features.read(values, customer, now)
        propensities = self.model.predict(features, channel, self._arbiter.all_actions)
        self._keep_scores((customer.customer_id, channel), propensities)
        return propensities

    def _consult(
        self,
        consulted: Consulted,
        question: Question,
        given: Circumstances,
        sights: Sequence[Sight],
        scores: Scores,
    ) -> Scores:
        """The scores, with the propensities of those that have to be asked about one by one."""
        if scores.features is None or scores.propensities is None:
            return scores
        candidates = {self._action_of[t] for sight in sights for t in sight.treatments}
        late = consulted.consult(
            scores.propensities, scores.features, question.channel, candidates, given.budget.left
        )
        return scores._replace(degraded=scores.degraded + late) if late else scores

    def _scores(
        self,
        features: Sequence[Value] | None,
        propensities: Propensities | None,
        *degraded: Degradation,
    ) -> Scores:
        model = self.model
        return Scores(
            features, propensities, model.features.digest, model.version, model.lessons, degraded
        )

    def _arbitrate_and_place(
        self,
        question: Question,
        given: Circumstances,
        findings: Findings,
        meter: Meter | None,
    ) -> tuple[tuple[Contest, ...], list[PlacementOffers], list[Entered], tuple[ActionId, ...]]:
        sights, scores, limits, pull = findings[:4]
        _, propensities, _, _, lessons, _ = scores
        chance = Chance(given.seed)
        taken: set[int] = set()
        contests: list[Contest] = []
        placed: list[PlacementOffers] = []
        entered: list[Entered] = []
        missed: tuple[ActionId, ...] = ()
        effects = self._effects if propensities is not None else None
        for sight in sights:
            at, values, truths, treatments, arm = sight
            merit = self._arbiter.merit(truths, values, given.now, pull)
            limits.tell(self.book.placements[at].treatments)
            free = placement.without(treatments, self._action_of, taken)
            admitted = limits.open_to(free)
            held = effects.of(limits.held_out()) if effects and findings.holdout else []
            entered.append(Entered([*admitted, *held] if held else admitted, self._action_of))
            led, rivals = self._leading(admitted, merit)
            competing = candidates = self._competing(question.channel, rivals, scores, merit)
            if propensities is not None:
                candidates = limits.net(candidates)
            slots = self._slots(question, at)
            exploration, worth = self._exploration, merit.product
            calm, nothing = "", False
            if arm is None:
                nothing = self._tries_nothing and effects is not None and effects.among(candidates)
                calm = self._calm(sight, candidates, slots, scores, meter, nothing=nothing)
                if effects is not None and held:
                    missed += effects.missed(
                        self._competing(question.channel, [*rivals, *held], scores, merit),
                        held,
                        slots - len(led),
                        calmly(exploration) if calm else exploration,
                        given.seed,
                        lessons,
                        _doubt(findings, worth),
                    )
            else:
                candidates, exploration, worth = varied(
                    arm,
                    candidates,
                    propensities,
                    merit,
                    self._by_propensity,
                    exploration,
                )
            weighed = self._by_propensity and candidates is competing
            contests.append(_contest(at, candidates, merit, propensities, calm, weighed=weighed))
            chosen = placement.fill(
                candidates,
                led,
                slots,
                exploration,
                chance=chance,
                greedy=bool(calm),
                lessons=lessons,
                limits=limits,
                bundling=self._bundlings.get(at),
                doubt=_doubt(findings, worth),
                meter=meter if arm is None else None,
                nothing=nothing,
            )
            if sight is not sights[-1]:
                taken.update([self._action_of[treatment] for treatment, _, _ in chosen])
            placed.append(self._offers(sight, chosen, merit, scores))
        return tuple(contests), placed, entered, missed

    def _expecting(self, question: Question, given: Circumstances, scores: Scores) -> Scores:
        """The scores, but what is tried anyway with this customer counts as it is expected to."""
        if self._effects is None or scores.propensities is None:
            return scores
        expected = self._effects.expecting(question.customer_id, given.now, scores.propensities)
        return scores._replace(propensities=expected)

    def _competing(
        self, channel: str, treatments: list[int], scores: Scores, merit: Merit
    ) -> Candidates:
        """Who competes: whoever reaches its thresholds and, if it is measured, changes something."""
        found = self._arbiter.compete(channel, treatments, scores.propensities, merit)
        if self._effects is None or scores.propensities is None:
            return found
        return self._effects.worthwhile(found, scores.propensities)

    def _leading(self, treatments: list[int], merit: Merit) -> tuple[list[int], list[int]]:
        """The mandatory treatments, by C · V · L and then `ties`, and the rest, which compete."""
        if not self._mandatory:
            return [], treatments
        led = [t for t in treatments if self._action_of[t] in self._mandatory]
        led.sort(key=lambda t: self._arbiter.place_of_mandatory(self._action_of[t], merit))
        return led, [t for t in treatments if self._action_of[t] not in self._mandatory]

    def _slots(self, question: Question, at: PlacementId) -> int:
        slots = self.book.placements[at].slots
        return min(slots, question.max_offers or slots)

    def _left(self, now: Micros) -> float | None:
        """How much expected value may still be given up today; None if the book does not limit it."""
        exploration = self._exploration
        if exploration.give_up_per_day is None:
            return None
        return exploration.give_up_per_day - self._allowance.given_up(now, exploration.timezone)

    def _sureness(self, scores: Scores) -> Tables | None:
        """How sure the propensities are; None if nobody asks, or the model was not asked."""
        if self._doubts is None or scores.propensities is None:
            return None
        return self._doubts.at(self.model.evidence)

    def _shown(self, scores: Scores) -> Vector | None:
        """How often each action was shown; None if nobody asks, or the model was not asked."""
        if self._exposures is None or scores.propensities is None:
            return None
        return self._exposures.at(self.model.evidence)

    def _at_risk(self, truths: Sequence[Truth]) -> bool:
        """Whether this customer is one nobody should try things out on."""
        condition = self._exploration.none_when
        return condition is not None and truths[condition] is True

    def _calm(
        self,
        sight: Sight,
        candidates: Candidates,
        slots: int,
        scores: Scores,
        meter: Meter | None,
        *,
        nothing: bool,
    ) -> str:
        """Why nothing should be tried out here; empty if chance may have its say."""
        condition = self._exploration.none_when
        if condition is not None and self._at_risk(sight.truths):
            return f"{self.book.conditions[condition].text} (none_when)"
        if meter is None:
            return ""
        if scores.propensities is None:
            return "without propensities it cannot be told what that gives up"
        together = sight.placement in self._bundlings
        worth = np.append(candidates.priorities, 0.0) if nothing else candidates.priorities
        return "" if meter.covers(worth, slots, together=together) else meter.why_not()

    def _offers(
        self, sight: Sight, chosen: list[Chosen], merit: Merit, scores: Scores
    ) -> PlacementOffers:
        if not chosen:
            return placement.fallback(self.book.placements[sight.placement])
        offers = native.offers(
            chosen,
            self._cards,
            self._action_of,
            merit.product,
            merit.value,
            scores.propensities,
            self._by_propensity,
            sight.values,
        )
        return PlacementOffers(sight.placement, offers, fallback=False)

    def _answer(
        self,
        question: Question,
        given: Circumstances,
        values: Sequence[Value],
        scores: Scores,
        contests: tuple[Contest, ...],
        placed: list[PlacementOffers],
        holdout: str,
        grounds: Grounds | None = None,
    ) -> Decision:
        household = given.household
        return Decision(
            given.decision_id,
            question.customer_id,
            question.request_id,
            question.channel,
            given.now,
            given.seed,
            placed,
            self.book.version,
            scores.version,
            holdout,
            given.degraded + scores.degraded,
            values,
            scores.features,
            scores.schema,
            contests,
            household=None if isinstance(household, Unknown | None) else household.customer_id,
            grounds=grounds,
        )

    def fall_back(
        self, question: Question, given: Circumstances, scores: Scores, holdout: str
    ) -> Decision:
        """The last rung: no time for rules, so each placement's own content."""
        placed = [placement.fallback(self.book.placements[at]) for at in question.placements]
        return self._answer(question, given, [], scores, (), placed, holdout)


def _card(treatment: Treatment, action: Action) -> Card:
    render = treatment.render
    texts = render.texts if isinstance(render, FixedTexts) else None
    return (
        action.action_id,
        treatment.treatment_id,
        action.issue,
        action.group,
        texts,
        render,
    )


def _doubt(findings: Findings, worth: Vector) -> Doubt | Experience | None:
    """How sure the contest's propensities are; None if the policy does not ask."""
    propensities = findings.scores.propensities
    if propensities is None:
        return None
    if findings.exposures is not None:
        return Experience(propensities, worth, findings.exposures)
    return None if findings.tables is None else Doubt(propensities, worth, findings.tables)


def _venture(contests: Sequence[Contest], findings: Findings) -> Venture:
    """What exploration went by, as it is now."""
    tables, left, exposures = findings.tables, findings.left, findings.exposures
    if tables is None:
        return NO_VENTURE if left is None and exposures is None else Venture(None, left, exposures)
    shapes = [tables.shapes(contest.actions) for contest in contests]
    return Venture({action: shape for one in shapes for action, shape in one.items()}, left)


def _contest(
    at: PlacementId,
    candidates: Candidates,
    merit: Merit,
    propensities: Propensities | None,
    calm: str,
    *,
    weighed: bool,
) -> Contest:
    _, actions, priorities, _ = candidates
    context, value, lever, _, _ = merit
    return Contest(
        at,
        actions,
        priorities,
        propensities,
        context,
        value,
        lever,
        calm,
        weighed and propensities is not None,
    )
