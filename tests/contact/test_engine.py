"""Contact policies in a whole engine: at once, across requests, restarts, reloads and households."""

import asyncio
import random
import sqlite3
from collections import defaultdict, deque
from contextlib import closing

import pytest

from engine.edges.state.names import DECISIONS
from engine.model import (
    HOUR,
    MINUTE,
    CustomerId,
    EventId,
    IncomingEvent,
    IncomingResponse,
    ProfileUpdate,
)
from engine.rulebook.load import load
from engine.settings import Settings
from tests.builders import ADULT, NOW, question
from tests.contact.naive import DAY, Made, violated
from tests.rulebook.builders import action, files
from tests.test_engine import Circle, opened, write

ANNA, BEN = CustomerId("anna"), CustomerId("ben")
ONCE = {"scope": "all", "count": "impression", "at_least": 1, "within": "1d", "pause": "1d"}
OUTCOMES = {"impression": 0, "click": 0.2, "accept": 1, "reject": 0, "not_delivered": None}
HOUSEHOLD = {"household.id": {"type": "string", "nullable": True}}


@pytest.fixture
def circle():
    return Circle()


@pytest.fixture
def settings(tmp_path):
    return Settings(rules=tmp_path / "rules", data=tmp_path / "data", watch=False)


def rules(policies, actions=("a", "b"), **more):
    names = list(policies)
    return files(
        attributes=HOUSEHOLD,
        policies={"contact_policies": policies, "outcomes": OUTCOMES} | more,
        actions=[action(name, contact_policies=names) for name in actions],
    )


async def know(engine, who, **attributes):
    named = {name.replace("_", ".", 1): value for name, value in attributes.items()}
    await engine.put([ProfileUpdate(who, NOW, ADULT | named)])


async def ask(engine, who=ANNA, **rest):
    return await engine.decide(question(customer_id=who, **rest), 1.0)


def shown(answer):
    [placed] = answer.decision.placements
    return [] if placed.fallback else [offer.action_id for offer in placed.offers]


def response(answer, outcome, time, *, action_id="", name=""):
    action_id = action_id or shown(answer)[0]
    body = IncomingResponse(action_id, answer.token, answer.decision.decision_id, outcome, 0.0)
    event_id = EventId(name or f"{answer.decision.decision_id}/{action_id}/{outcome}")
    return IncomingEvent(event_id, answer.decision.customer_id, time, body)


async def test_a_second_request_in_the_same_moment_sees_the_first(settings, circle):
    write(settings.rules, rules({"once": ONCE}))
    async with opened(settings, circle) as engine:
        await know(engine, ANNA)
        await know(engine, BEN)
        answers = await asyncio.gather(*(ask(engine) for _ in range(5)))
        assert sorted(len(shown(answer)) for answer in answers) == [0, 0, 0, 0, 1]
        assert len(shown(await ask(engine, BEN))) == 1


async def test_what_an_answer_holds_counts_for_its_other_placements(settings, circle):
    places = {
        f"web.{name}": {
            "channel": "web",
            "slots": 2,
            "texts": {"headline": 40},
            "fallback": {"headline": "Hello"},
        }
        for name in ("hero", "side")
    }
    everywhere = [
        action(
            name,
            contact_policies=["twice"],
            treatments=[
                {"id": f"{name}.{at}", "placement": at, "texts": {"headline": name}}
                for at in places
            ],
        )
        for name in "abcd"
    ]
    twice = ONCE | {"at_least": 3}
    book = files(
        policies={"placements": places, "contact_policies": {"twice": twice}}, actions=everywhere
    )
    write(settings.rules, book)
    async with opened(settings, circle) as engine:
        await know(engine, ANNA)
        answer = await engine.decide(question("web.hero", "web.side"), 1.0)
        assert [len(placed.offers) for placed in answer.decision.placements] == [2, 1]
        assert shown(await ask(engine)) == []


async def test_trying_things_out_and_asking_again_count_for_nothing(settings, circle):
    write(settings.rules, rules({"twice": ONCE | {"at_least": 2}}, actions=["a"]))
    async with opened(settings, circle) as engine:
        await know(engine, ANNA)
        for _ in range(3):
            assert shown(await ask(engine, dry_run=True)) == ["a"]
        for _ in range(3):
            await ask(engine, request_id="again")
        assert shown(await ask(engine, dry_run=True)) == ["a"]
        assert shown(await ask(engine)) == ["a"]
        assert shown(await ask(engine)) == []


async def test_what_was_not_delivered_or_never_reported_counts_no_longer(settings, circle):
    write(settings.rules, rules({"once": ONCE}))
    async with opened(settings, circle) as engine:
        await know(engine, ANNA)
        answer = await ask(engine)
        await engine.record([response(answer, "not_delivered", circle.time)])
        silent = await ask(engine)
        assert len(shown(silent)) == 1
        circle.time += HOUR - 1
        assert shown(await ask(engine)) == []
        circle.time += 1
        assert len(shown(await ask(engine))) == 1


async def test_what_was_offered_is_known_after_a_restart(settings, circle):
    write(settings.rules, rules({"once": ONCE}))
    async with opened(settings, circle) as engine:
        await know(engine, ANNA)
        first = await ask(engine)
    async with opened(settings, circle) as engine:
        assert shown(await ask(engine)) == []
        await engine.record([response(first, "not_delivered", circle.time)])
        assert len(shown(await ask(engine))) == 1


@pytest.mark.parametrize("is_old", [False, True])
async def test_a_log_of_decisions_that_is_lost_or_an_old_copy_closes_until_nothing_before_counts(
    settings, circle, is_old
):
    write(settings.rules, rules({"once": ONCE}))
    async with opened(settings, circle) as engine:
        await know(engine, ANNA)
        await know(engine, BEN)
    copy = (settings.data / DECISIONS).read_bytes()
    async with opened(settings, circle) as engine:
        assert len(shown(await ask(engine))) == 1
    if is_old:
        (settings.data / DECISIONS).write_bytes(copy)
    else:
        (settings.data / DECISIONS).unlink()
    for _ in range(2):
        async with opened(settings, circle) as engine:
            assert shown(await ask(engine)) == []
            assert shown(await ask(engine, BEN)) == []
        circle.time += MINUTE
    circle.time += HOUR
    async with opened(settings, circle) as engine:
        assert len(shown(await ask(engine, BEN))) == 1


async def test_where_the_log_of_decisions_is_damaged_nobody_is_offered_what_may_be_too_much(
    settings, circle
):
    write(settings.rules, rules({"once": ONCE}))
    async with opened(settings, circle) as engine:
        await know(engine, ANNA)
        await ask(engine)
    with closing(sqlite3.connect(settings.data / DECISIONS)) as log:
        log.execute("UPDATE blocks SET ids = X'5B5B315D'")
        log.commit()
    async with opened(settings, circle) as engine:
        assert shown(await ask(engine)) == []
        circle.time += HOUR
        assert len(shown(await ask(engine))) == 1


async def test_a_book_that_begins_to_count_knows_what_was_offered_before(settings, circle):
    write(settings.rules, rules({}))
    async with opened(settings, circle) as engine:
        await know(engine, ANNA)
        assert len(shown(await ask(engine))) == 2
        counting = load(rules({"once": ONCE})).book
        await engine.adopt(counting, ())
        assert shown(await ask(engine)) == []


async def test_one_of_the_family_took_it(settings, circle):
    at_home = {
        "scope": "action", "subject": "household", "count": "accept",
        "at_least": 1, "within": "90d", "pause": "90d",
    }  # fmt: skip
    write(settings.rules, rules({"once_at_home": at_home}, actions=["a"]))
    async with opened(settings, circle) as engine:
        await know(engine, ANNA, household_id="h1")
        await know(engine, BEN, household_id="h1")
        await know(engine, CustomerId("cleo"), household_id="h2")
        answer = await ask(engine)
        assert shown(await ask(engine, BEN)) == ["a"]
        await engine.record([response(answer, "accept", circle.time)])
        assert shown(await ask(engine, BEN)) == []
        assert shown(await ask(engine, CustomerId("cleo"))) == ["a"]
    async with opened(settings, circle) as engine:
        assert shown(await ask(engine, BEN)) == []
        circle.time += 90 * 24 * HOUR
        assert shown(await ask(engine, BEN)) == ["a"]


async def test_an_offer_to_one_of_the_family_counts_at_once_for_the_others(settings, circle):
    write(settings.rules, rules({"once": ONCE | {"subject": "household"}}))
    async with opened(settings, circle) as engine:
        await know(engine, ANNA, household_id="h1")
        await know(engine, BEN, household_id="h1")
        await know(engine, CustomerId("alone"))
        assert len(shown(await ask(engine))) == 1
        assert shown(await ask(engine, BEN)) == []
        assert len(shown(await ask(engine, CustomerId("alone")))) == 1


async def test_who_cannot_be_read_is_offered_nothing_that_obeys_a_policy(settings, circle):
    book = rules({"once": ONCE | {"count": "click"}}, all_actions=None)
    write(settings.rules, book)
    async with opened(settings, circle) as engine:
        await know(engine, ANNA)
    async with opened(settings, circle) as engine:
        hurried = await engine.decide(question(explain=True), 0.0)
        assert shown(hurried) == []


POLICIES = {
    "once": {"scope": "action", "count": "impression", "without": "click",
             "at_least": 2, "within": 6 * HOUR, "pause": 12 * HOUR},
    "home": {"scope": "group", "subject": "household", "count": "reject",
             "at_least": 1, "within": DAY, "pause": 2 * DAY},
    "often": {"scope": "all", "count": "impression", "limit": {"per_day": 9, "per_week": 20}},
    "quiet": {"scope": "all", "channels": ["web"], "between": ["02:00", "06:30"],
              "timezone": "Europe/Dublin"},
}  # fmt: skip


def written(policy):
    """The same policy as a book has it."""
    lengths = {k: f"{policy[k] // HOUR}h" for k in ("within", "pause") if k in policy}
    return {k: v for k, v in policy.items() if k != "count" or "limit" not in policy} | lengths


class Crowd:
    """Many clients at once, every answer of whom is judged by the naive reading.

    While a report is on its way, the engine may know of it or not: an answer must be right by one of
    the two. Reports about one household come one after the other, so that there are only two.
    """

    def __init__(self, engine, circle, people, seed):
        self.engine, self.circle, self.people = engine, circle, people
        self.random = random.Random(seed)
        self.made = defaultdict(list)
        self.settled = defaultdict(list)
        self.latest: deque[list[Made]] = deque(maxlen=30)
        self.decisions = self.offers = 0
        self.locks = {home: asyncio.Lock() for home in people.values()}

    async def client(self, steps):
        for _ in range(steps):
            await asyncio.sleep(0)
            if self.random.random() < 0.5:
                await self.decide()
            else:
                await self.report()
            self.circle.time += self.random.randrange(8) * MINUTE

    async def decide(self):
        who = self.random.choice(list(self.people))
        asked = question(customer_id=who)
        answer = self.engine.decide_now(asked, 1.0)
        if answer is None:
            answer = await self.engine.decide(asked, 1.0)
        now, home = answer.decision.decided_at, self.people[who]
        self.decisions += 1
        for name in shown(answer):
            facts = {"id": name, "group": "bundles", "issue": "grow", "family": ""}
            self.offers += 1
            for policy in POLICIES.values():
                assert not all(
                    violated(policy, facts, "web", made[home], now, HOUR, "", who, home)
                    for made in (self.made, self.settled)
                ), (policy, name)
            offers = [Made(who, home, facts, "web", now, answer) for _ in range(2)]
            self.made[home].append(offers[0])
            self.settled[home].append(offers[1])
            self.latest.append(offers)

    async def report(self):
        if not self.latest:
            return
        made, settled = self.random.choice(self.latest)
        outcome = self.random.choice(["impression", "impression", "click", "reject"])
        async with self.locks[made.home]:
            if any(name == outcome for name, _ in made.outcomes):
                return
            reported = (outcome, self.circle.time)
            event = response(made.decision, *reported, action_id=made.action["id"])
            made.outcomes.append(reported)
            await self.engine.record([event])
            settled.outcomes.append(reported)


async def crowded(settings, circle, people, clients, steps):
    """So many clients, each of whom decides or reports so many times."""
    book = rules({name: written(p) for name, p in POLICIES.items()}, actions="abcdefgh")
    write(settings.rules, book)
    async with opened(settings, circle) as engine:
        homes = {CustomerId(f"c{n}"): f"h{n // 2}" for n in range(people)}
        for who, home in homes.items():
            await know(engine, who, household_id=home)
        crowd = Crowd(engine, circle, homes, seed=3)
        await asyncio.gather(*(crowd.client(steps) for _ in range(clients)))
    return crowd


async def test_a_crowd_of_clients_never_gets_what_a_policy_forbids(settings, circle):
    crowd = await crowded(settings, circle, people=20, clients=12, steps=40)
    assert crowd.offers > 50


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_a_hundred_thousand_decisions_never_give_what_a_policy_forbids(settings, circle):
    crowd = await crowded(settings, circle, people=500, clients=50, steps=4_100)
    assert crowd.decisions > 100_000
    assert crowd.offers > 10_000
