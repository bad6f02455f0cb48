"""Rule books tried on a data directory with known rates: a is taken up by 50 %, b by 20 %, c by 10 %."""

import json
from pathlib import Path

import pytest

from engine.edges.journal.past import past_decisions, past_entries
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.errors import InvalidInput
from engine.model import Event, ProfileUpdate
from engine.rulebook.book import RuleBook
from engine.simulation.moments import moments
from engine.simulation.replay import Replay
from engine.simulation.simulate import Simulation, simulate
from engine.simulation.telling import told
from tests.evaluation.traffic import RATES, directory, small_book, store_at
from tests.rulebook.builders import action, book

COUNT = 600


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with 600 decisions of `small_book`, two offers each, the first one seen."""
    return directory(tmp_path_factory.mktemp("simulation"), COUNT)


def offering(*names: str) -> RuleBook:
    """A book with these actions only, in the small book's terms."""
    return book(actions=[action(name, value=10) for name in names])


def volumes(simulation: Simulation) -> dict[str, tuple[int, int]]:
    return {volume.action_id: (volume.before, volume.after) for volume in simulation.volumes}


def test_the_same_book_makes_the_same_decisions(data: Path) -> None:
    replay = Replay(small_book(), {})
    entries = [
        line for _, line in past_entries(data / JOURNAL) if isinstance(line, Event | ProfileUpdate)
    ]
    for moment in moments(past_decisions(data / DECISIONS), entries):
        [contest] = moment.record.decision.contests
        assert contest.propensities is not None
        known = {
            replay.book.actions[index].action_id: contest.propensities.item(index)
            for index in contest.actions.tolist()
        }
        made = replay.decide(moment, known)
        assert made is not None
        assert made.placements == moment.record.decision.placements


def test_the_same_book_changes_nothing(data: Path) -> None:
    simulation = simulate(data, small_book())
    assert simulation.decisions == COUNT
    assert simulation.acceptance.overlap.mean_weight == pytest.approx(1.0)
    assert simulation.acceptance.overlap.most_weight == pytest.approx(1.0)
    assert not simulation.acceptance.difference.clear
    assert all(before == after for before, after in volumes(simulation).values())
    assert (simulation.silenced, simulation.awakened) == (0, 0)
    assert "Nobody gains or loses" in told(simulation)


def test_without_its_best_action_less_is_accepted(data: Path) -> None:
    simulation = simulate(data, offering("b", "c"))
    assert volumes(simulation)["a"][1] == 0
    acceptance = simulation.acceptance
    assert RATES["c"] < acceptance.headline.value < RATES["b"] + 0.05
    assert acceptance.difference.clear
    assert acceptance.difference.value < -0.05
    assert simulation.value.headline.value == pytest.approx(10 * acceptance.headline.value, rel=0.1)
    assert "clearly less (-" in told(simulation)


def test_two_books_are_compared_with_each_other(data: Path) -> None:
    simulation = simulate(data, offering("a"), offering("b", "c"))
    assert simulation.acceptance.headline.bootstrap.covers(RATES["a"])
    assert simulation.acceptance.difference.clear
    assert volumes(simulation)["a"] == (0, COUNT)
    assert volumes(simulation)["b"][1] == 0


def test_nothing_is_concluded_about_an_action_nobody_has_seen(data: Path) -> None:
    simulation = simulate(data, offering("brand_new"))
    assert simulation.acceptance.refusals
    assert "The log cannot tell what this rule book would earn" in told(simulation)


def test_a_book_that_lets_nothing_through_earns_nothing(data: Path) -> None:
    closed = book(actions=[action("a", eligible_when={"never": "customer.age > 120"})])
    simulation = simulate(data, closed)
    assert simulation.silenced == COUNT
    assert simulation.acceptance.headline.value == 0.0
    assert f"{COUNT} decisions that showed an offer would show none." in told(simulation)


def test_who_loses_is_told_by_attribute(data: Path) -> None:
    spared = book(
        actions=[
            action("a", value=10, eligible_when={"grown": "customer.segment == 'vip'"}),
            action("b", value=10),
            action("c", value=10),
        ]
    )
    [segment] = [s for s in simulate(data, spared).segments if s.attribute == "customer.segment"]
    assert (segment.value, segment.decisions) == ("mass", COUNT)
    assert segment.after < segment.before


def test_a_placement_that_is_gone_shows_nothing(data: Path) -> None:
    other = {"channel": "web", "texts": {"headline": 40}, "fallback": {"headline": "Hello"}}
    treatment = {"id": "a.other", "placement": "web.other", "texts": {"headline": "A"}}
    elsewhere = book(
        policies={"placements": {"web.other": other}},
        actions=[action("a", treatments=[treatment])],
    )
    assert simulate(data, elsewhere).silenced == COUNT


def test_caps_that_would_bind_are_named(data: Path) -> None:
    scarce = book(
        actions=[
            action("a", value=10, caps={"per_day": 50, "when_scarce": "first_come"}),
            action("b", value=10),
        ]
    )
    simulation = simulate(data, scarce)
    assert volumes(simulation)["a"][1] == 50
    [usage] = simulation.binding
    assert (usage.cap.code, usage.used, usage.limit) == ("cap.a", 50, 50)
    assert "cap.a would be used up at 2026-11-" in told(simulation)
    assert simulation.to_dict()["binding"][0]["limit"] == 50.0
    assert "No cap or budget would be used up." in told(simulate(data, small_book()))


def test_the_report_is_json(data: Path) -> None:
    report = json.loads(json.dumps(simulate(data, small_book()).to_dict(), allow_nan=False))
    assert {"acceptance", "value", "decisions", "volumes", "segments"} <= report.keys()
    assert report["acceptance"]["concludes"] is True


async def test_a_directory_without_responses_is_refused(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        pass
    with pytest.raises(InvalidInput, match="holds no offer of which a response"):
        simulate(tmp_path, small_book())
