"""Recorded decisions made again."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from engine.codec import DecisionRecord
from engine.comparison.outlook import Outlook, Visit
from engine.comparison.traffic import Traffic
from engine.edges.journal.decisions import DecisionLog, Retention
from engine.model import ActionId
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load
from tests.comparison.serving import NOW, Serving, ids_of, names, shipped, somebody
from tests.rulebook.builders import ACTIONS, POLICIES, files


def written(path: Path, records: Sequence[DecisionRecord]) -> Path:
    log = DecisionLog(path / "decisions.db", lambda: NOW, Retention())
    for record in records:
        assert log.record(record)
    log.close()
    return path / "decisions.db"


def propensities(random: Random, book: RuleBook) -> dict[ActionId, float]:
    """Some below the thresholds of the shipped books, most above."""
    return {a.action_id: random.choice((0.0005, 0.02, 0.1, 0.3)) for a in book.actions}


@pytest.mark.parametrize("name", ["telecom", "bank"])
def test_the_same_book_shows_what_was_shown(tmp_path: Path, name: str) -> None:
    loaded, book = shipped(name)
    random = Random(5)
    serving = Serving(book, propensities(random, book))
    channels: dict[str, list[str]] = {}
    for at, declared in book.placements.items():
        channels.setdefault(declared.channel, []).append(at)
    records = []
    for number in range(200):
        channel = random.choice(list(channels))
        places = random.sample(channels[channel], random.randint(1, len(channels[channel])))
        visit = Visit(channel, tuple(map(type(next(iter(book.placements))), places)))
        records.append(serving.record(somebody(random, book, number), visit))
    made = {record.decision.customer_id: record.decision for record in records}
    traffic = Traffic(written(tmp_path, records), {book.version: book})
    outlook = Outlook(loaded, loaded)
    compared = 0
    for batch in traffic.batches(traffic.averages()):
        for placement, before, after in outlook.sights(batch):
            for number, customer in enumerate(batch.ids):
                (placed,) = (p for p in made[customer].placements if p.placement == placement)
                assert names(book, before.shown[number]) == ids_of(placed)
                assert names(book, after.shown[number]) == ids_of(placed)
                compared += 1
    assert compared >= len(records)
    assert traffic.foreign == traffic.unseeing == 0


def recorded(tmp_path: Path) -> tuple[Path, RuleBook]:
    book = load(files()).book
    assert book is not None
    serving = Serving(book, {ActionId("data_5gb"): 0.2, ActionId("stay"): 0.1})
    random = Random(1)
    visit = Visit("web", (next(iter(book.placements)),))
    records = [serving.record(somebody(random, book, n), visit) for n in range(40)]
    return written(tmp_path, records), book


def test_averages_are_of_what_competed(tmp_path: Path) -> None:
    path, book = recorded(tmp_path)
    averages = Traffic(path, {book.version: book}).averages()
    assert averages.of(ActionId("data_5gb")) == pytest.approx(0.2)
    assert 0.1 < averages.of(ActionId("somebody new")) < 0.2


def test_decisions_of_unknown_books_are_counted_apart(tmp_path: Path) -> None:
    path, book = recorded(tmp_path)
    traffic = Traffic(path, {"another": replace(book, version="another")})
    assert list(traffic.batches(traffic.averages())) == []
    assert traffic.foreign == 40


def test_without_a_propensity_an_action_let_through_anew_has_its_average(tmp_path: Path) -> None:
    old = load(files(actions=ACTIONS.replace(">= 18", ">= 99")))
    new = load(files(actions=ACTIONS.replace("value: 4.50", "value: 1000")))
    assert old.book is not None
    serving = Serving(old.book, {ActionId("data_5gb"): 0.2, ActionId("stay"): 0.1})
    random = Random(1)
    visit = Visit("web", (next(iter(old.book.placements)),))
    path = written(
        tmp_path, [serving.record(somebody(random, old.book, n), visit) for n in range(200)]
    )
    traffic = Traffic(path, {old.book.version: old.book})
    outlook = Outlook(old, new)
    gained = 0
    for batch in traffic.batches(traffic.averages()):
        for _, before, after in outlook.sights(batch):
            anew = after.passing[ActionId("data_5gb")] & ~before.passing[ActionId("data_5gb")]
            for row in after.shown[anew]:
                assert names(outlook.new, row)[0] == "data_5gb"
                gained += 1
    assert gained > 0


def test_what_a_threshold_kept_out_stays_out(tmp_path: Path) -> None:
    barred = POLICIES + "arbitration: {thresholds: [{action: stay, propensity: 0.5}]}\n"
    loaded = load(files(policies=barred))
    assert loaded.book is not None
    serving = Serving(loaded.book, {ActionId("data_5gb"): 0.9, ActionId("stay"): 0.1})
    random = Random(1)
    visit = Visit("web", (next(iter(loaded.book.placements)),))
    records = [serving.record(somebody(random, loaded.book, n), visit) for n in range(100)]
    traffic = Traffic(written(tmp_path, records), {loaded.book.version: loaded.book})
    stay = loaded.book.actions[1].index
    for batch in traffic.batches(traffic.averages()):
        for _, before, after in Outlook(loaded, loaded).sights(batch):
            assert before.passing[ActionId("stay")].any()
            assert stay not in before.shown
            assert stay not in after.shown
