"""Random policies, histories and requests: no offer violates a policy, and nothing is withheld otherwise.

The judge is an independent reading of the policies, `tests.contact.naive`.
"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.circumstances import Circumstances
from engine.contact.household import for_household, household_of
from engine.contact.pending import Pending
from engine.deadline import Budget
from engine.decide import Decider
from engine.join import exposure_of
from engine.limits.guards import guards_of
from engine.model import Customer, CustomerId, DecisionId, Event, EventId, Response
from engine.rulebook.book import ActionClass
from engine.rulebook.contact import (
    FOREVER,
    Contact,
    ContactPolicy,
    Pause,
    QuietHours,
    Quota,
    Rest,
    Scope,
)
from engine.topology import apply
from tests.builders import FixedModel, question
from tests.contact.naive import DAY, MINUTE, Made, violated
from tests.rulebook.builders import action, book

CHANNELS = ("web", "app", "sms")
PLACES = {f"{channel}.{name}": n for channel in CHANNELS for name, n in (("top", 3), ("side", 2))}
HOUR = 60 * MINUTE
START = 1_792_000_000_000_000
"""In October 2026, ten days before the clocks of Dublin are put back."""

ZONES = ("UTC", "Europe/Dublin", "Africa/Lagos", "Pacific/Auckland")


def _actions():
    for index in range(6):
        yield action(
            f"a{index}",
            group=f"g{index % 3}",
            attributes={"family": f"f{index % 2}"},
            treatments=[
                {"id": f"a{index}.{at}", "placement": at, "texts": {"headline": "Hello"}}
                for at in PLACES
            ],
        )


BASE = book(
    attributes={
        "household.id": {"type": "string", "nullable": True},
        "customer.timezone": {"type": "string", "nullable": True},
        "request.channel": {"type": "string", "values": list(CHANNELS)},
    },
    policies={
        "issues": {"i0": {"title": "One"}, "i1": {"title": "Other"}},
        "groups": {"g0": {"issue": "i0"}, "g1": {"issue": "i0"}, "g2": {"issue": "i1"}},
        "all_actions": None,
        "placements": {
            at: {
                "channel": at.partition(".")[0],
                "slots": slots,
                "texts": {"headline": 40},
                "fallback": {"headline": "Hello"},
            }
            for at, slots in PLACES.items()
        },
    },
    actions=list(_actions()),
)

lengths = st.integers(1, 96).map(lambda n: n * HOUR // 2)
scopes = {
    "scope": st.sampled_from(["action", "group", "issue", "attribute", "all"]),
    "subject": st.sampled_from(["customer", "household"]),
    "channels": st.lists(st.sampled_from(CHANNELS), unique=True, max_size=2),
    "timezone": st.sampled_from(ZONES),
    "transactional": st.booleans(),
}
outcomes = st.sampled_from(["impression", "impression", "click", "reject"])
pauses = st.one_of(
    lengths,
    st.just("until_midnight"),
    st.fixed_dictionaries({"until": st.just("accept")}, optional={"at_most": lengths}),
)
rests = st.fixed_dictionaries(
    scopes | {"count": outcomes, "at_least": st.integers(1, 4), "within": lengths, "pause": pauses},
    optional={"without": st.sampled_from(["click", "accept"])},
)
limits = st.one_of(
    st.fixed_dictionaries({"per_day": st.integers(1, 3)}),
    st.fixed_dictionaries({"per_week": st.integers(1, 5)}),
    st.fixed_dictionaries({"per_day": st.integers(1, 2), "per_week": st.integers(2, 4)}),
)
quotas = st.fixed_dictionaries(scopes | {"count": outcomes, "limit": limits})
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30]))
quiets = st.fixed_dictionaries(
    {k: scopes[k] for k in ("channels", "timezone", "transactional")}
    | {"between": st.tuples(clocks, clocks).filter(lambda hours: hours[0] != hours[1])}
)
policies = st.lists(st.one_of(rests, rests, quotas, quiets), min_size=1, max_size=4)

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("decide"),
            st.integers(0, 2),
            st.sampled_from(CHANNELS),
            st.integers(0, 40).map(lambda n: n * 25 * MINUTE),
            st.integers(0, 2**32),
        ),
        st.tuples(
            st.just("report"),
            st.integers(0, 30),
            st.sampled_from(
                ["impression", "impression", "click", "accept", "reject", "not_delivered"]
            ),
            st.integers(0, 90).map(lambda n: n * MINUTE),
        ),
    ),
    min_size=4,
    max_size=30,
)


def compiled(name, written):
    """A policy as the book holds it."""
    common = {
        "name": name,
        "title": "",
        "timezone": written["timezone"],
        "channels": frozenset(written["channels"]),
        "transactional": written["transactional"],
    }
    if "between" in written:
        start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in written["between"])
        return ContactPolicy(rule=QuietHours(start, end), scope=Scope.ALL, **common)
    common |= {
        "scope": Scope(written["scope"]),
        "attribute": "family" if written["scope"] == "attribute" else "",
        "household": written["subject"] == "household",
    }
    if "limit" in written:
        return ContactPolicy(rule=Quota(written["count"], **written["limit"]), **common)
    match written["pause"]:
        case "until_midnight":
            pause = Pause(2 * DAY, midnight=True)
        case {"until": str() as until, "at_most": int() as most}:
            pause = Pause(most, until=until)
        case {"until": str() as until}:
            pause = Pause(FOREVER, until=until)
        case length:
            assert isinstance(length, int)
            pause = Pause(length)
    rule = Rest(
        written["count"], written["at_least"], written["within"], pause, written.get("without", "")
    )
    return ContactPolicy(rule=rule, **common)


class World:
    """Three customers, two of whom live together, and a clock."""

    def __init__(self, written, obeyed, classes, zone):
        self.written = {f"p{n}": policy for n, policy in enumerate(written)}
        contact = Contact(tuple(compiled(name, p) for name, p in self.written.items()))
        actions = tuple(
            replace(a, contact_policies=tuple(f"p{n}" for n in names), action_class=class_)
            for a, names, class_ in zip(BASE.actions, obeyed, classes, strict=True)
        )
        self.book = replace(BASE, contact=contact, actions=actions)
        self.zone = zone
        self.assume_shown = contact.assume_shown
        self.pending = Pending(room=1_000)
        self.pending.assume_shown = contact.remembers
        self.decider = Decider(
            self.book, FixedModel(self.book), lambda: 0.0, guards_of(self.book, self.pending)
        )
        self.now = START
        self.made = []
        self.decisions = {}
        homes = ["h", "h", None]
        self.people = [
            Customer(
                CustomerId(f"c{n}"),
                ({"household.id": home} if home else {})
                | ({"customer.timezone": zone} if zone else {}),
                updated_at=1,
            )
            for n, home in enumerate(homes)
        ]
        self.records = {}

    def household(self, who):
        key = household_of(who, self.book)
        return self.records.setdefault(key, Customer(key)) if isinstance(key, str) else None

    def facts(self, index):
        a = self.book.actions[index]
        return {
            "id": a.action_id,
            "group": a.group,
            "issue": a.issue,
            "family": a.attributes["family"],
        }

    def allowed(self, index, channel, who, made):
        """Whether the naive reading lets an action through."""
        a = self.book.actions[index]
        if a.action_class is ActionClass.MANDATORY:
            return True
        passes = a.action_class is ActionClass.TRANSACTIONAL and channel == "sms"
        home = who.attributes.get("household.id", "")
        return not any(
            violated(
                self.written[name], self.facts(index), channel, made, self.now,
                self.assume_shown, self.zone, who.customer_id, home,
            )
            for name in a.contact_policies
            if self.written[name]["transactional"] or not passes
        )  # fmt: skip

    def decide(self, person, channel, pause, seed):
        self.now += pause
        who = self.people[person]
        asked = question(
            f"{channel}.top", f"{channel}.side", channel=channel, customer_id=who.customer_id
        )
        given = Circumstances(
            DecisionId(f"d{len(self.decisions)}"), who, self.now, seed,
            Budget(3_600.0, lambda: 0.0), (), self.household(who),
        )  # fmt: skip
        decision = self.decider.decide(asked, given)
        self.judge(decision, channel, who)
        self.decider.commit(decision)
        self.decisions[decision.decision_id] = decision

    def judge(self, decision, channel, who):
        mandatory = {a.index for a in self.book.actions if a.action_class is ActionClass.MANDATORY}
        shown: set[int] = set()
        for placed, contest in zip(decision.placements, decision.contests, strict=True):
            left = set(range(6)) - shown
            free = {i for i in left if self.allowed(i, channel, who, self.made)}
            assert set(contest.actions.tolist()) == free - mandatory
            for offer in [] if placed.fallback else placed.offers:
                at = next(a.index for a in self.book.actions if a.action_id == offer.action_id)
                assert self.allowed(at, channel, who, self.made), offer.action_id
                shown.add(at)
                home = who.attributes.get("household.id", "")
                facts, decided = self.facts(at), decision.decision_id
                self.made.append(Made(who.customer_id, home, facts, channel, self.now, decided))
            if placed.fallback or len(placed.offers) < PLACES[placed.placement]:
                left = set(range(6)) - shown
                assert not [i for i in left if self.allowed(i, channel, who, self.made)]

    def report(self, which, outcome, pause):
        self.now += pause
        if not self.made:
            return
        made = self.made[which % len(self.made)]
        made.outcomes.append((outcome, self.now))
        who = next(p for p in self.people if p.customer_id == made.who)
        exposure = exposure_of(self.decisions[made.decision], who.customer_id, made.action["id"])
        response = Response(exposure, outcome, 0.0, None)
        event = Event(EventId("e"), who.customer_id, self.now, response)
        apply(who, event)
        home = self.household(who)
        if home is not None:
            apply(home, for_household(event, response, home.customer_id))
        self.pending.reported(made.decision, made.action["id"])


@settings(max_examples=300, deadline=None)
@given(
    policies,
    st.lists(st.lists(st.integers(0, 3), unique=True), min_size=6, max_size=6),
    st.lists(
        st.sampled_from([*[ActionClass.PROMOTIONAL] * 8, *ActionClass]), min_size=6, max_size=6
    ),
    st.sampled_from(["", *ZONES]),
    steps,
)
def test_no_offer_violates_a_policy_and_nothing_is_withheld_otherwise(
    written, obeyed, classes, zone, happened
):
    obeyed = [[n for n in names if n < len(written)] for names in obeyed]
    world = World(written, obeyed, classes, zone)
    for step, *rest in happened:
        getattr(world, step)(*rest)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "scope": st.sampled_from(["group", "issue", "attribute", "all"]),
            "subject": st.just("customer"),
            "channels": st.just([]),
            "timezone": st.just("UTC"),
            "transactional": st.booleans(),
            "count": st.just("impression"),
            "at_least": st.integers(2, 9),
            "within": st.just(DAY),
            "pause": st.just(DAY),
        }
    ),
    st.lists(st.tuples(st.sampled_from(CHANNELS), st.integers(0, 2**32)), min_size=2, max_size=4),
)
def test_the_slots_of_one_answer_count_for_each_other(policy, asked):
    world = World([policy], [[0]] * 6, [ActionClass.PROMOTIONAL] * 6, "")
    for channel, seed in asked:
        world.decide(0, channel, MINUTE, seed)
