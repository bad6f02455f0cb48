"""What a living service decided comes out the same to the last bit, or it is said where it does not."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from engine.codec import DecisionRecord, decode_decision, encode_decision
from engine.edges.journal.decisions import recorded
from engine.edges.rules.kept import ARCHIVE, archive
from engine.grounds import Narrowed
from engine.model import Decision, Interaction, Micros, Stage, Step, TreatmentId
from engine.replay.books import KeptBooks
from engine.replay.comparing import Verdict
from engine.replay.replay import NoBook, Replay
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load
from engine.rulebook.trial import Arm
from tests.comparison.serving import BOOKS, shipped
from tests.replay.living import Life, reload, replayed, scarce, short_life

BOOK_NAMES = ("telecom", "bank")


def records(life: Life) -> list[DecisionRecord]:
    return list(recorded(life.data / "decisions.db"))


def stages(decision: Decision) -> set[int]:
    """The kinds of limits that kept something back."""
    limits = decision.grounds.limits if decision.grounds else None
    answers = [a for a in limits or () if isinstance(a, tuple)]
    return {narrowed.stage for answer in answers for narrowed in answer}


@pytest.mark.parametrize("name", BOOK_NAMES)
async def test_all_that_was_decided_comes_out_the_same(tmp_path: Path, name: str) -> None:
    life = Life(scarce(name, tmp_path / "rules"), tmp_path / "data")
    async with life.opened() as engine:
        await life.know(engine)
        await life.ask(engine, 100)
        for file in life.rules.glob("actions/*.yaml"):
            file.write_text(file.read_text().replace("headline: ", "headline: Now ", 1))
        await reload(engine)
        await life.ask(engine, 50)
    async with life.opened() as engine:
        await life.ask(engine, 50)
    made = [record.decision for record in records(life)]
    assert len(made) == 200
    assert len({decision.rulebook_version for decision in made}) == 2
    assert any(len(decision.placements) > 1 for decision in made)
    kept_back = set().union(*map(stages, made))
    assert {Stage.CONSENT_AND_CONTACT, Stage.CAPS_AND_BUDGETS} <= kept_back
    by_evidence = [one for one in made if one.grounds and one.grounds.venture.exposures is not None]
    assert bool(by_evidence) == (name == "telecom"), "the bank's book gives a gamma"
    assert [one for one in replayed(life) if one.verdict is not Verdict.EQUAL] == []


async def test_what_was_kept_from_events_is_taken_as_it_was_seen(tmp_path: Path) -> None:
    life = Life(BOOKS / "telecom", tmp_path / "data")
    dropped = Interaction("dropped_call", "app")
    async with life.opened() as engine:
        await life.know(engine)
        for _ in range(3):
            await life.happen(engine, dropped)
            await life.ask(engine, 40, interaction=dropped)
        at = engine.book.index["events.dropped_calls_1d"]
    seen = {one.decision.values[at] for one in records(life)}
    assert {2, 3, 4, 5} < seen
    assert {one.verdict for one in replayed(life)} == {Verdict.EQUAL}


async def test_what_influencers_added_is_recalled(tmp_path: Path) -> None:
    life = Life(BOOKS / "telecom", tmp_path / "data")
    async with life.opened() as engine:
        await life.know(engine)
        await life.ask(engine, 600)
    grounds = [record.decision.grounds for record in records(life)]
    assert any(one and one.pull is not None for one in grounds)
    assert {one.verdict for one in replayed(life)} == {Verdict.EQUAL}


def was_priced(decision: Decision) -> bool:
    """Whether some of what competed had to be worth more than the running price of a cap."""
    answers = (decision.grounds.limits or ()) if decision.grounds else ()
    return any(isinstance(answer, dict) and answer for answer in answers)


async def test_scarce_prices_are_recalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.engine.TICK", 0.02)  # prices move often
    life = Life(scarce("bank", tmp_path / "rules", left=3), tmp_path / "data")
    async with life.opened() as engine:
        await life.know(engine)
        while not any(map(was_priced, life.decisions)):
            await life.ask(engine, 300)
    assert any(was_priced(record.decision) for record in records(life))
    assert {one.verdict for one in replayed(life)} == {Verdict.EQUAL}


async def test_what_holdouts_and_experiments_did_comes_out_the_same(tmp_path: Path) -> None:
    rules = scarce("telecom", tmp_path / "rules")
    policies = rules / "policies.yaml"
    text = policies.read_text().replace("0.005", "0.18").replace("share: 0.02", "share: 0.1")
    policies.write_text(text)
    life = Life(rules, tmp_path / "data")
    async with life.opened() as engine:
        await life.know(engine)
        await life.ask(engine, 150)
    labels = {record.decision.holdout for record in records(life)}
    assert labels >= {"", "nobody_asked", *Arm}
    assert {one.verdict for one in replayed(life)} == {Verdict.EQUAL}


@pytest.mark.parametrize(
    "policy",
    [
        "policy: thompson\n    give_up_per_day: 30000\n",
        "policy: epsilon\n    epsilon: 0.5\n    give_up_per_day: 30000\n",
    ],
)
async def test_what_was_tried_out_comes_out_the_same(tmp_path: Path, policy: str) -> None:
    life = Life(shutil.copytree(BOOKS / "bank", tmp_path / "rules"), tmp_path / "data")
    policies = life.rules / "policies.yaml"
    text = re.sub(r" *give_up_per_day: .*\n", "", policies.read_text())
    policies.write_text(text.replace("policy: squarecb\n", policy))
    async with life.opened() as engine:
        await life.know(engine)
        await life.ask(engine, 700)
    made = [record.decision for record in records(life)]
    offers = [offer for one in made for placed in one.placements for offer in placed.offers]
    assert any(0.0 < offer.probability < 1.0 for offer in offers)
    assert any(one.given_up for one in made)
    assert {one.verdict for one in replayed(life)} == {Verdict.EQUAL}


async def test_how_far_the_untrained_reached_comes_out_the_same(tmp_path: Path) -> None:
    life = Life(BOOKS / "telecom", tmp_path / "data")
    async with life.opened() as engine:
        await life.know(engine)
        await life.ask(engine, 100)
    made = [record.decision for record in records(life)]
    assert Stage.ARBITRATION in set().union(*map(stages, made))
    assert {one.verdict for one in replayed(life)} == {Verdict.EQUAL}


def has_bundle(decision: Decision) -> bool:
    return any(offer.bundle for placed in decision.placements for offer in placed.offers)


async def test_bundles_come_out_the_same(tmp_path: Path) -> None:
    life = Life(BOOKS / "telecom", tmp_path / "data")
    cases = load(life.rules).cases
    (case,) = [case for case in cases if case.name.startswith("and with it what the family")]
    everybody = cycle(range(len(cases)))
    async with life.opened() as engine:
        await life.know(engine)
        while not any(map(has_bundle, life.decisions)):
            await life.ask(
                engine, 3, customer_id=f"c{next(everybody)}", channel=case.channel, context=case.context,
                placements=("web.account_cards",), max_offers=0,
            )  # fmt: skip
    assert any(has_bundle(record.decision) for record in records(life))
    assert {one.verdict for one in replayed(life)} == {Verdict.EQUAL}


async def test_what_was_decided_in_haste_comes_out_the_same(tmp_path: Path) -> None:
    life = Life(BOOKS / "telecom", tmp_path / "data")
    async with life.opened() as engine:
        await life.know(engine)
        await life.ask(engine, 20)
        engine._seating.usual.decider._score_pace.took(1_000.0)  # the model has been very slow
        await life.ask(engine, 40)
        engine._seating.usual.decider._rules_pace.took(1_000.0)
        await life.ask(engine, 5)
    made = [record.decision for record in records(life)]
    skipped = [{step for step, _ in decision.degraded} for decision in made]
    assert {Step.PROPENSITY} in skipped
    assert {Step.RULES} in skipped
    assert {one.verdict for one in replayed(life)} == {Verdict.EQUAL}


# --- what is not as it was ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A short life, to be read only."""
    return short_life(tmp_path_factory.mktemp("lived"), 60)


def shown(record: DecisionRecord) -> bool:
    """Whether it shows several offers in one placement, chosen among several."""
    placements = record.decision.placements
    return any(len(placed.offers) > 1 for placed in placements) and not placements[0].fallback


def tampered(lived: Life, tamper: Callable[[Decision], None]) -> tuple[Replay, DecisionRecord]:
    """The first record that shows something, with a change, as if it had been written so."""
    record = next(record for record in records(lived) if shown(record))
    tamper(record.decision)
    return Replay(KeptBooks(lived.data)), decode_decision(encode_decision(record))


def earlier(decision: Decision) -> None:
    decision.decided_at -= 1


def luckier(decision: Decision) -> None:
    decision.seed += 1


def dearer(decision: Decision) -> None:
    offer = decision.placements[0].offers[0]
    offer.priority = float(np.nextafter(offer.priority, 1e9))


def likelier(decision: Decision) -> None:
    offer = decision.placements[0].offers[0]
    offer.probability = float(np.nextafter(offer.probability, 0.0))


def friendlier(decision: Decision) -> None:
    offer = decision.placements[0].offers[0]
    offer.content = {**offer.content, "headline": "Free for you"}


def weightier(decision: Decision) -> None:
    contest = decision.contests[0]
    decision.contests = (contest._replace(lever=contest.lever * 1.5), *decision.contests[1:])


def another(decision: Decision) -> None:
    offers = decision.placements[0].offers
    offers[0].treatment_id = TreatmentId(f"{offers[0].treatment_id}.other")


def let_in(decision: Decision) -> None:
    assert decision.grounds
    assert decision.grounds.limits
    first = decision.contests[0].actions[0]
    book = load_book(decision)
    closed = [t.index for t in book.treatments if t.action == first]
    kept = (Narrowed(Stage.CONSENT_AND_CONTACT, closed, ()),)
    decision.grounds = decision.grounds._replace(limits=(kept, *decision.grounds.limits[1:]))


def load_book(decision: Decision) -> RuleBook:
    """One with the attributes and actions that the decision was made with."""
    _, book = shipped("telecom")
    assert len(decision.values) == len(book.attributes)
    return book


@pytest.mark.parametrize(
    ("tamper", "step"),
    [
        (earlier, "seed"),
        (luckier, "seed"),
        (dearer, "offers"),
        (likelier, "probabilities"),
        (friendlier, "texts"),
        (weightier, "context, value and lever"),
        (another, "choice"),
        (let_in, "rules"),
    ],
)
def test_a_tampered_record_is_told(
    lived: Life, tamper: Callable[[Decision], None], step: str
) -> None:
    replay, record = tampered(lived, tamper)
    one = replay.replay(record)
    assert one.verdict is Verdict.DIFFERS
    assert step in {check.step for check in one.checks if check.verdict is Verdict.DIFFERS}


def test_every_attribute_the_question_named_is_checked(lived: Life) -> None:
    record = next(record for record in records(lived) if record.question.context)
    [name, *_] = record.question.context
    book = load_book(record.decision)
    values = list(record.decision.values)
    values[book.index[name]] = None
    told = Replay(KeptBooks(lived.data)).replay(
        DecisionRecord(record.question, replace(record.decision, values=values))
    )
    [check] = [check for check in told.checks if check.step == "attributes"]
    assert check.verdict is Verdict.DIFFERS
    assert name in check.detail


def test_a_book_that_is_not_kept_any_more_is_named(lived: Life, tmp_path: Path) -> None:
    (record, *_) = records(lived)
    told = Replay(KeptBooks(tmp_path)).replay(record)
    assert told.verdict is Verdict.UNTOLD
    assert record.decision.rulebook_version in told.checks[-1].detail
    assert "--rules" in told.checks[-1].detail


def test_the_book_may_be_given_where_it_is_not_kept(lived: Life, tmp_path: Path) -> None:
    (record, *_) = records(lived)
    assert Replay(KeptBooks(tmp_path, lived.rules)).replay(record).verdict is Verdict.EQUAL
    told = Replay(KeptBooks(tmp_path, BOOKS / "bank")).replay(record)
    assert told.verdict is Verdict.UNTOLD
    assert "bank" in told.checks[-1].detail


def test_a_kept_book_that_was_exchanged_is_not_believed(lived: Life, tmp_path: Path) -> None:
    (record, *_) = records(lived)
    version = record.decision.rulebook_version
    (tmp_path / ARCHIVE).mkdir()
    archive(tmp_path, version, load(BOOKS / "bank").files)
    with pytest.raises(NoBook, match="another book"):
        KeptBooks(tmp_path)(version)


def test_an_older_record_without_grounds_is_never_called_different(lived: Life) -> None:
    replay = Replay(KeptBooks(lived.data))
    verdicts = []
    for record in records(lived):
        record.decision.grounds = None
        verdicts.append(replay.replay(record).verdict)
    assert set(verdicts) <= {Verdict.EQUAL, Verdict.UNTOLD}
    assert Verdict.EQUAL in verdicts


def test_records_of_a_time_are_found(lived: Life) -> None:
    times: list[Micros] = [record.decision.decided_at for record in records(lived)]
    later = list(recorded(lived.data / "decisions.db", times[30]))
    assert [record.decision.decided_at for record in later] == times[30:]
