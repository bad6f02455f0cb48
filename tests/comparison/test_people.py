"""Counted in frames against counted one by one, by the functions that serve."""

from collections import Counter
from random import Random

import polars as pl

from engine.comparison.customers import everywhere
from engine.comparison.outlook import Batch, Outlook
from engine.comparison.people import People
from engine.comparison.tally import Ids, Sample
from engine.customer import Knowledge
from engine.model import ActionId, Customer, Question
from engine.rulebook.book import RuleBook
from engine.rulebook.load import Loaded, load
from tests.comparison.serving import NOW, Serving, frame_of, ids_of, kept_of, shipped, somebody


def changed_book(old: Loaded) -> Loaded:
    """Tenure tightened, the complaint forgotten, one value raised, a placement with a slot more."""
    files = {path: text for path, text in old.files.items() if not path.startswith("tests")}
    policies = files["policies.yaml"].decode()
    for was, now in (
        ("customer.tenure_months >= 3", "customer.tenure_months >= 200"),
        ("!customer.complaint_open", "true || customer.complaint_open"),
        ("slots: 1", "slots: 2"),
    ):
        assert was in policies
        policies = policies.replace(was, now)
    files["policies.yaml"] = policies.encode()
    files["actions/care.yaml"] = files["actions/care.yaml"].replace(b"value: 180", b"value: 1")
    new = load(files)
    assert new.book is not None, new.diagnostics
    return new


def passes(book: RuleBook, customer: Customer) -> set[str]:
    """The actions that pass somewhere."""
    knowledge = Knowledge(book)
    found: set[str] = set()
    for at, declared in book.placements.items():
        kept = kept_of(book, customer)
        question = Question(customer.customer_id, declared.channel, (at,), kept)
        values = knowledge.values(customer, question, NOW)
        for treatment in book.select_for[at](book.conditions_of(values), values, NOW):
            found.add(book.actions[book.treatments[treatment].action].action_id)
    return found


def test_every_count_is_that_of_deciding_one_by_one() -> None:
    old, old_book = shipped("telecom")
    new = changed_book(old)
    assert new.book is not None
    random = Random(11)
    customers = [somebody(random, old_book, number) for number in range(400)]
    outlook = Outlook(old, new)
    people = People(outlook, sample=500)
    visits = everywhere(old_book, new.book)
    for part in (customers[:150], customers[150:]):
        ids = pl.Series([c.customer_id for c in part])
        people.add(Batch(ids, frame_of(old_book, part), visits))

    serving = Serving(old_book), Serving(new.book)
    gained, lost, moves = Counter[str](), Counter[str](), Counter[tuple[str, str, str]]()
    shown: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    something_else = gaining = losing = 0
    gainers: dict[str, list[str]] = {}
    for customer in customers:
        before, after = passes(old_book, customer), passes(new.book, customer)
        gained.update(after - before)
        lost.update(before - after)
        gaining += bool(after - before)
        losing += bool(before - after)
        for gain in after - before:
            gainers.setdefault(gain, []).append(customer.customer_id)
        seen: tuple[set[str], set[str]] = (set(), set())
        differs = False
        for visit in visits:
            (was,), (becomes,) = (one.decide(customer, visit).placements for one in serving)
            pair = ids_of(was), ids_of(becomes)
            differs |= sorted(pair[0]) != sorted(pair[1])
            firsts = [(names or [ActionId("")])[0] for names in pair]
            if firsts[0] != firsts[1]:
                moves[visit.placements[0], firsts[0], firsts[1]] += 1
            for offered, into in zip(pair, seen, strict=True):
                into.update(offered)
        something_else += differs
        for counter, names in zip(shown, seen, strict=True):
            counter.update(names)

    tally = people.tally
    assert tally.rows == len(customers)
    assert (tally.gaining, tally.losing, tally.changed) == (gaining, losing, something_else)
    assert min(gaining, losing, something_else) > 0
    for action in tally.actions.values():
        name = action.action_id
        assert (action.gained, action.lost) == (gained[name], lost[name]), name
        assert (action.shown_before, action.shown_after) == (shown[0][name], shown[1][name])
        assert action.gained_ids.ids == tuple(sorted(gainers.get(name, [])))
        assert action.after - action.before == action.gained - action.lost
    counted = {
        (p.placement, was, becomes): count
        for p in tally.placements.values()
        for (was, becomes), count in p.moves.items()
    }
    assert counted == moves


def test_a_sample_does_not_depend_on_the_order() -> None:
    names = [f"c{number}" for number in range(500)]
    samples = []
    for order in (names, names[::-1]):
        sample = Sample(7)
        for start in range(0, 500, 90):
            ids = Ids(pl.Series(order[start : start + 90]))
            sample.add(ids, ids.lots >= 0)
        samples.append(sample.ids)
    assert samples[0] == samples[1]
    assert len(set(samples[0])) == 7
    assert set(samples[0]) <= set(names)


def test_a_sample_of_none() -> None:
    sample = Sample(0)
    ids = Ids(pl.Series(["a"]))
    sample.add(ids, ids.lots >= 0)
    assert sample.ids == ()
