"""The key triggers: what may be written there, what it means, and what is said of mistakes."""

import pickle

import pytest

from engine.model import DAY, HOUR, UNKNOWN, Value
from engine.rulebook.book import RuleBook
from engine.rulebook.diagnostics import Severity
from engine.rulebook.load import load
from engine.rulebook.loaded import packed, unpacked
from engine.rulebook.trigger import Daily
from tests.rulebook.builders import POLICIES, book, files

CALL = {"on": "dropped_call", "placements": ["web.hero"]}
DAILY = {"every": "day", "at": "09:30", "timezone": "Africa/Lagos", "placements": ["web.hero"]}
COUNTED = {"events.drops": {"type": "int", "from": {"event": "dropped_call", "count": "1d"}}}


def written(**triggers):
    return book(attributes=COUNTED, policies={"triggers": triggers})


def mistakes(trigger, **changes):
    found = load(files(attributes=COUNTED, policies={"triggers": {"t": trigger}}, **changes))
    return [one.message for one in found.diagnostics if one.severity is Severity.ERROR]


def test_what_is_left_out():
    (trigger,) = written(t=CALL).triggers
    assert (trigger.name, trigger.title, trigger.on) == ("t", "", ("dropped_call",))
    assert (trigger.condition, trigger.counts) == (None, frozenset())
    assert (trigger.placements, trigger.channel) == (("web.hero",), "web")
    assert (trigger.rest, trigger.max_age) == (0, DAY)
    assert trigger.place.startswith("policies.yaml:")


def test_what_can_be_said():
    said = {"title": "T", "on": ["a", "b"], "rest": "7d", "max_age": "2h", "when": "true"}
    (trigger,) = written(t=CALL | said).triggers
    assert (trigger.title, trigger.on) == ("T", ("a", "b"))
    assert (trigger.rest, trigger.max_age) == (7 * DAY, 2 * HOUR)


def test_one_that_goes_by_the_clock():
    (trigger,) = written(t=DAILY).triggers
    assert trigger.daily == Daily(9 * 60 + 30, "Africa/Lagos")
    assert (trigger.on, trigger.counts, trigger.max_age) == ((), frozenset(), 12 * HOUR)
    (trigger,) = written(t=DAILY | {"max_age": "3h", "when": "events.drops >= 3"}).triggers
    assert (trigger.max_age, trigger.counts, trigger.condition) == (3 * HOUR, frozenset(), 0)


def test_its_clock_is_the_books_where_it_names_none():
    without = {k: v for k, v in DAILY.items() if k != "timezone"}
    policies = {"timezone": "Europe/Dublin", "triggers": {"t": without}}
    (trigger,) = book(policies=policies).triggers
    assert trigger.daily == Daily(9 * 60 + 30, "Europe/Dublin")


def test_their_conditions_stand_apart_from_those_of_actions():
    made = written(
        without=CALL,
        adult=CALL | {"when": "customer.age >= 18"},
        third=CALL | {"when": "events.drops >= 3"},
        calm={
            "on": ["visit", "dropped_call"],
            "placements": ["web.hero"],
            "when": "events.drops < 3",
        },
    )
    drops = frozenset({"dropped_call"})
    told = [(trigger.condition, trigger.counts) for trigger in made.triggers]
    assert told == [(None, frozenset()), (0, frozenset()), (1, drops), (2, drops)]
    values: list[Value] = [UNKNOWN] * len(made.attributes)
    assert made.triggers_of(values) == (None, None, None)
    values[made.index["customer.age"]], values[made.index["events.drops"]] = 40, 2
    assert made.triggers_of(values) == (True, False, True)
    assert len(made.conditions) == len(book().conditions)


def test_a_book_without_triggers_is_what_it_was():
    made = book()
    assert made.triggers == ()
    assert "triggers_of" not in made.source
    assert made.triggers_of([]) == ()


def copied(made: RuleBook) -> RuleBook:
    there: RuleBook = pickle.loads(pickle.dumps(made))
    return there


@pytest.mark.parametrize("travels", [pickle.dumps, packed])
def test_they_travel_between_processes(travels):
    loaded = load(files(policies={"triggers": {"t": CALL | {"when": "customer.age >= 18"}}}))
    assert loaded.book is not None
    there = unpacked(packed(loaded)).book if travels is packed else copied(loaded.book)
    assert there is not None
    values: list[Value] = [UNKNOWN] * len(there.attributes)
    values[there.index["customer.age"]] = 40
    assert there.triggers == loaded.book.triggers
    assert there.triggers_of(values) == (True,)


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (CALL | {"plcements": []}, "unknown key 'plcements' in trigger 't'."),
        ({"placements": ["web.hero"]}, "trigger 't' needs the key 'on'"),
        (CALL | DAILY, "'on' and 'every' do not go together"),
        (CALL | {"at": "09:00"}, "'at' needs 'every: day'"),
        (CALL | {"timezone": "UTC"}, "'timezone' needs 'every: day'"),
        (DAILY | {"every": "dya"}, "Did you mean 'day'?"),
        ({"evry" if k == "every" else k: v for k, v in DAILY.items()}, "Did you mean 'every'?"),
        ({k: v for k, v in DAILY.items() if k != "every"}, "trigger 't' needs the key 'every'"),
        ({k: v for k, v in DAILY.items() if k != "at"}, "trigger 't' needs the key 'at'"),
        ({k: v for k, v in DAILY.items() if k != "timezone"}, "needs the key 'timezone'"),
        (DAILY | {"at": "9:00"}, "found '9:00': write \"09:00\""),
        (DAILY | {"at": "25:00"}, "expected a time of day like 21:00"),
        (DAILY | {"timezone": "Africa/Lagoss"}, "Did you mean 'Africa/Lagos'?"),
        ({"on": "x"}, "trigger 't' needs the key 'placements'"),
        (CALL | {"on": "dropped call"}, "'dropped call' is no name"),
        (CALL | {"on": []}, "the list is empty"),
        (CALL | {"on": ["x", "x"]}, "stands in this list twice"),
        (CALL | {"placements": ["web.heroo"]}, "Did you mean 'web.hero'?"),
        (CALL | {"placements": ["web.hero", "ivr.prompt"]}, "of several channels (web, ivr)"),
        (CALL | {"when": "customer.agee > 3"}, "Did you mean 'customer.age'?"),
        (CALL | {"when": "customer.age"}, "a condition is true or false"),
        (CALL | {"rest": "a week"}, "expected a length of time"),
        (CALL | {"max_age": 3}, "expected a length of time"),
    ],
)
def test_mistakes(trigger, said):
    assert any(said in message for message in mistakes(trigger)), mistakes(trigger)


def test_a_condition_that_says_nothing_is_no_condition_left_out():
    text = (
        POLICIES + "triggers:\n  t:\n    on: dropped_call\n    placements: [web.hero]\n    when:\n"
    )
    (found,) = load(files(policies=text)).diagnostics
    line = text.count("\n")
    assert str(found) == (
        f"policies.yaml:{line}:5: 'when' says nothing: write a condition or leave the key out"
    )


def test_lengths_that_mean_never_are_mistakes():
    assert mistakes(CALL | {"rest": "366d", "max_age": "7d"}) == []
    assert mistakes(CALL | {"rest": "367d"}) == ["a trigger can rest for 366d at most"]
    too_old = ["at most 7d: what is older is refused when it is reported"]
    assert mistakes(CALL | {"max_age": "8d"}) == too_old
    assert mistakes(DAILY | {"max_age": "8d"}) == too_old


def remarks(trigger):
    found = load(files(attributes=COUNTED, policies={"triggers": {"t": trigger}}))
    assert found.book is not None
    return [(str(one.file), one.message) for one in found.diagnostics]


def test_answers_to_offers_set_nothing_off_and_that_is_said():
    message = "'click' is also an outcome: interactions of this type set this off, and no answers to offers"
    assert remarks(CALL | {"on": ["dropped_call", "click"]}) == [("policies.yaml", message)]


def test_one_that_asks_of_other_events_only_is_looked_at_each_time():
    visit = CALL | {"on": "visit", "when": "events.drops >= 3"}
    message = (
        "'when' counts no visit, but is looked at each time that happens, and may be true each time:"
        " give it a rest"
    )
    assert remarks(visit) == [("policies.yaml", message)]
    assert remarks(visit | {"rest": "1d"}) == []
    assert remarks(visit | {"on": ["visit", "dropped_call"]}) == []
    assert remarks(visit | {"when": "events.drops >= 3 && customer.age > 18"}) == []
    assert remarks(DAILY | {"when": "events.drops >= 3"}) == []
