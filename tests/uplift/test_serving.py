"""Retention by uplift, from the first decision on: who is asked to stay, and what that is worth."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean

import numpy as np
import pytest

from engine.edges.journal.decisions import recorded
from engine.edges.journal.past import past_entries
from engine.edges.state.rebuild import rebuild, recover
from engine.experiments.results import results
from engine.learning.curriculum import Curriculum
from engine.learning.mind import Mind
from engine.model import Event, Response
from engine.replay.books import KeptBooks
from engine.replay.comparing import Verdict
from engine.replay.replay import Replay
from engine.replay.taught import taught
from engine.rulebook.load import load
from engine.uplift.observing import HELD_OUT
from engine.uplift.online import OnlineUplift
from engine.uplift.serving import Uplifted
from tests.replay.living import run_apart
from tests.rulebook.builders import action, files
from tests.uplift.population import HOLDOUT, MEASURED, MOODS, RULES, Asked, Population, gain, name

FIRST, LAST = 3_000, 3_000


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Population:
    """A service that has asked 6,000 people, with a restart in between; to be read only."""
    population = Population.at(tmp_path_factory.mktemp("lived"))

    async def live() -> None:
        for count in (FIRST, LAST):
            async with population.opened() as engine:
                await population.live(engine, count)

    run_apart(live())
    return population


def learned(population: Population) -> Mind:
    """What the log teaches, from its first entry on."""
    mind = Mind()
    rebuild(population.data, teach=mind.teach, register=mind.register)
    return mind


def offered(people: Iterable[Asked], mood: str) -> float:
    """The share of those of a mood who were offered something, of all in no holdout."""
    return fmean(p.treated for p in people if p.mood == mood and not p.decision.holdout)


# --- who is asked ---------------------------------------------------------------------------------


def test_at_first_everybody_is_asked_and_in_the_end_the_persuadable(lived: Population) -> None:
    assert all(offered(lived.asked[:300], mood) > 0.85 for mood in MOODS)
    last = lived.asked[-1_500:]
    assert offered(last, "wavering") > 0.9
    assert all(offered(last, mood) < 0.3 for mood in MOODS[1:])


def test_more_stay_than_by_ranking_by_propensity_or_by_lot(lived: Population) -> None:
    last = [p for p in lived.asked[-1_500:] if not p.decision.holdout]
    treated = [p for p in last if p.treated]
    learner = learned(lived).learner

    def propensity(person: Asked) -> float:
        decision = person.decision
        assert decision.features is not None
        said: float = learner.predict_one(decision.schema, decision.features, "save", "save", "web")
        return said

    likely = sorted(last, key=propensity, reverse=True)[: len(treated)]
    by_lot = Random(1).sample(last, len(treated))
    ours, by_propensity, random = (
        sum(gain(p.mood) for p in chosen) for chosen in (treated, likely, by_lot)
    )
    everybody = sum(gain(p.mood) for p in last)
    assert ours > 3 * max(by_propensity, random, 1.0)
    assert ours > everybody


def test_what_was_learned_is_near_the_truth(lived: Population) -> None:
    loaded = load(lived.rules)
    assert loaded.book is not None
    mind = learned(lived)
    curriculum = Curriculum.for_book(loaded.book)
    model = Uplifted(Known(mind, curriculum), mind.uplift, loaded.book, curriculum)
    found: dict[str, list[float]] = {mood: [] for mood in MOODS}
    for person in lived.asked[-200:]:
        assert person.decision.features is not None
        found[person.mood] += model.changes(person.decision.features).tolist()
    assert all(abs(fmean(found[mood]) - gain(mood)) < 0.13 for mood in MOODS)


class Known:
    """The propensities' part of a model, for those who do not ask it."""

    lessons = 0
    version = "known"

    def __init__(self, mind: Mind, curriculum: Curriculum) -> None:
        self.features = curriculum
        self.evidence = mind.learner.evidence

    def predict(self, features: object, channel: str, actions: object) -> np.ndarray:
        raise AssertionError("nobody asks for propensities here")


# --- what is observed -----------------------------------------------------------------------------


def test_who_is_held_out_is_observed_once_for_each_decision_that_missed_them(
    lived: Population,
) -> None:
    held = Counter(
        line.customer_id
        for _, line in past_entries(lived.data / "journal.db")
        if isinstance(line, Event)
        and isinstance(line.body, Response)
        and line.body.outcome == HELD_OUT
    )
    missed = Counter(name(p.number) for p in lived.asked if p.decision.held_out)
    assert held == missed
    assert all(p.decision.holdout for p in lived.asked if p.decision.held_out)
    groups = learned(lived).uplift.group("churned", "save")
    assert groups.control == len(missed)
    assert groups.treated == sum(p.treated for p in lived.asked)
    assert groups.control / (groups.control + groups.treated) == pytest.approx(0.2, abs=0.03)


def test_the_lift_of_the_holdout_on_the_outcome_is_told(lived: Population) -> None:
    found = results(lived.data)
    [trial] = found.trials
    usual, held = trial.outcomes
    assert trial.event == "churned"
    assert usual.reached is not None
    assert held.reached is not None
    assert held.reached.lift is not None
    assert held.reached.lift.difference < 0.0
    assert not trial.mismatch.alarm


# --- what holds -----------------------------------------------------------------------------------


def test_every_decision_is_made_again_bit_for_bit(lived: Population) -> None:
    replay = Replay(KeptBooks(lived.data))
    records = list(recorded(lived.data / "decisions.db"))
    assert any(record.decision.held_out for record in records)
    for record in records[::7]:
        replayed = replay.replay(record)
        assert all(c.verdict is not Verdict.DIFFERS for c in replayed.checks), replayed


def test_the_model_learned_again_says_the_same(lived: Population) -> None:
    records = list(recorded(lived.data / "decisions.db"))[::11]
    checks = taught(lived.data, records, KeptBooks(lived.data), lambda *_: None)
    assert {check.verdict for check in checks.values()} == {Verdict.EQUAL}


def test_learned_from_empty_it_is_the_same_to_the_last_byte(lived: Population) -> None:
    anew, started = learned(lived), Mind()
    recover(lived.data, teach=started.teach, register=started.register, restore=started.restore)
    assert anew.uplift.lessons > 3_000
    assert anew.snapshot() == started.snapshot()
    assert state(anew.uplift) == state(started.uplift)


def state(uplift: OnlineUplift) -> tuple[object, ...]:
    return uplift.state(), *(array.tobytes() for array in uplift.arrays())


def test_what_a_dying_service_had_accepted_is_learned_by_the_next(tmp_path: Path) -> None:
    population = Population.at(tmp_path)

    async def live() -> None:
        async with population.opened() as engine:
            await population.live(engine, 200)
            before = state(engine._mind.uplift)
            dead = replace(
                population, data=copied(population.data, "journal.db*", tmp_path / "dead")
            )
        assert state(learned(dead).uplift) == before

    run_apart(live())


def test_what_was_held_out_and_not_written_down_is_written_by_the_next(tmp_path: Path) -> None:
    population = Population.at(tmp_path)

    async def live() -> None:
        async with population.opened() as engine:
            await population.live(engine, 50)
            journal = copied(population.data, "journal.db*", tmp_path / "dead")
            asked = await population.decide_only(engine, 50)
            missed = sum(bool(decision.held_out) for decision in asked)
            controls = engine._mind.uplift.group("churned", "save").control
        assert missed > 3
        copied(population.data, "[!jl]*", journal)
        dead = replace(population, data=journal)
        for _ in range(2):
            async with dead.opened() as engine:
                await engine._state.settled()
                assert engine._mind.uplift.group("churned", "save").control == controls

    run_apart(live())


def copied(data: Path, files: str, to: Path) -> Path:
    """A copy of some files of a data directory."""
    to.mkdir(exist_ok=True)
    for file in data.glob(files):
        if file.is_file():
            (to / file.name).write_bytes(file.read_bytes())
    return to


def test_who_is_held_out_uses_nothing_up_and_has_no_history(tmp_path: Path) -> None:
    everybody = {"without_save": HOLDOUT["without_save"] | {"share": 1}}
    capped = action("save", group="save", measured=MEASURED, caps={"total": 1_000})
    texts = files(policies={"holdouts": everybody}, actions=[capped]) | {
        "attributes.yaml": RULES["attributes.yaml"]
    }
    population = Population.at(tmp_path, texts)

    async def live() -> None:
        async with population.opened() as engine:
            asked = await population.live(engine, 100)
            assert all(person.decision.held_out == ("save",) for person in asked)
            assert engine._mind.uplift.group("churned", "save").control == 100
            figures = {gauge.name: gauge for gauge in engine.gauges()}
            assert set(figures["attune_cap_confirmed"].read().values()) <= {0.0}
            who = await engine.customer(name(3))
            assert who is not None
            assert (who.touches, who.counts, len(who.observations)) == ([], {}, 1)

    run_apart(live())
