"""What the parent of a crew exports: real exporters, read and told apart by server."""

from prometheus_client import CollectorRegistry, generate_latest

from engine.crew.crew import Standing
from engine.crew.metrics import CrewMetrics
from engine.model import EventResult, EventStatus
from engine.settings import Address
from engine.telemetry import Metrics, exposed

ANYWHERE = Address("127.0.0.1", 0)


def exported(metrics: CrewMetrics) -> str:
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry).decode()


def test_the_figures_of_all_servers_are_told_apart_and_one_that_is_away_is_left_out() -> None:
    one, two = Metrics(), Metrics()
    one.recorded([EventResult(EventStatus.ACCEPTED)])
    two.recorded([EventResult(EventStatus.ACCEPTED)] * 3)
    two.decided("web", 0.004, ())
    standings = {1: Standing(is_ready=True), 2: Standing(is_ready=True), 3: Standing(restarts=4)}
    with exposed(one, ANYWHERE) as first, exposed(two, ANYWHERE) as second:
        places = {1: first, 2: second, 3: Address("127.0.0.1", 1)}
        lines = exported(CrewMetrics(standings, places)).splitlines()
    assert 'attune_events_total{server="1",status="accepted"} 1.0' in lines
    assert 'attune_events_total{server="2",status="accepted"} 3.0' in lines
    assert 'attune_decisions_total{channel="web",server="2"} 1.0' in lines
    assert 'attune_decision_seconds_bucket{channel="web",le="0.005",server="2"} 1.0' in lines
    assert [line for line in lines if line.startswith("attune_server_up{")] == [
        'attune_server_up{server="1"} 1.0',
        'attune_server_up{server="2"} 1.0',
        'attune_server_up{server="3"} 0.0',
    ]
    assert 'attune_server_restarts_total{server="3"} 4.0' in lines
    assert sum(line.startswith("# TYPE attune_events_total") for line in lines) == 1
