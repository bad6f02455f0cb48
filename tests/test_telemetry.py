"""Telemetry: logs for people and for programs, metrics for Prometheus."""

import io
import json
import logging
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from urllib.error import HTTPError

import pytest
import structlog
from prometheus_client import generate_latest

from engine.edges.grpc.port import RuleBookStatus
from engine.errors import InvalidInput
from engine.model import Degradation, EventResult, EventStatus, Step
from engine.rulebook.diagnostics import Diagnostic
from engine.running.spread import Spread
from engine.settings import Address
from engine.telemetry import Gauge, Metrics, exposed, set_up_logs
from tests.rulebook.builders import book


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_programs_read_one_json_object_a_line() -> None:
    stream = io.StringIO()
    set_up_logs("auto", stream)
    structlog.get_logger().info("ready", port=5)
    logging.getLogger("borrowed").warning("from %s", "elsewhere")
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert (ours["event"], ours["port"], ours["level"]) == ("ready", 5, "info")
    assert (theirs["event"], theirs["level"]) == ("from elsewhere", "warning")


def test_people_read_text() -> None:
    stream = io.StringIO()
    set_up_logs("text", stream)
    structlog.get_logger().info("ready", port=5)
    assert "ready" in stream.getvalue()
    assert "port=5" in stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_tracebacks_come_without_local_variables(form: str) -> None:
    stream = io.StringIO()
    set_up_logs(form, stream)

    def fails() -> None:
        customers_name = "Anna " + "Example"
        raise ValueError(len(customers_name))

    try:
        fails()
    except ValueError:
        structlog.get_logger().exception("fault")
    assert "ValueError" in stream.getvalue()
    assert "Anna Example" not in stream.getvalue()


def test_metrics_are_what_prometheus_reads() -> None:
    metrics = Metrics()
    metrics.decided("web", 0.0004, ())
    metrics.decided("web", 0.03, [Degradation(Step.PROPENSITY, "late")])
    metrics.decided("web", 99.0, ())
    metrics.staged("web", (0.000_005, 0.0, 0.000_15, 0.0, 0.0, 0.0, 0.06))
    metrics.recorded([EventResult(EventStatus.REJECTED, "why")])
    metrics.failed("Decide", "INTERNAL")
    metrics.watch(Gauge("attune_backlog", "Before.", lambda: 1))
    metrics.watch(Gauge("attune_backlog", "How far behind.", lambda: 2.5))
    lag = Spread("attune_loop_lag_seconds", "How late.", (0.01,))
    lag.note(0.2)
    metrics.watch(lag)
    metrics.watch(Gauge("attune_late_total", "How often.", lambda: 4))
    with (
        exposed(metrics, Address("127.0.0.1", 0)) as at,
        urllib.request.urlopen(f"http://{at}/metrics", timeout=10) as page,
    ):
        lines = page.read().decode().splitlines()
    for line in (
        'attune_decisions_total{channel="web"} 3.0',
        'attune_decision_seconds_bucket{channel="web",le="0.00025"} 0.0',
        'attune_decision_seconds_bucket{channel="web",le="0.0005"} 1.0',
        'attune_decision_seconds_bucket{channel="web",le="0.035"} 2.0',
        'attune_decision_seconds_bucket{channel="web",le="+Inf"} 3.0',
        'attune_decision_seconds_count{channel="web"} 3.0',
        'attune_stage_seconds_bucket{channel="web",le="5e-06",stage="parse"} 1.0',
        'attune_stage_seconds_bucket{channel="web",le="0.0001",stage="rules"} 0.0',
        'attune_stage_seconds_bucket{channel="web",le="0.0002",stage="rules"} 1.0',
        'attune_stage_seconds_bucket{channel="web",le="0.05",stage="encode"} 0.0',
        'attune_stage_seconds_sum{channel="web",stage="encode"} 0.06',
        'attune_degraded_total{step="propensity"} 1.0',
        'attune_events_total{status="rejected"} 1.0',
        'attune_errors_total{code="INTERNAL",method="Decide"} 1.0',
        'attune_loop_lag_seconds_bucket{le="+Inf"} 1.0',
        "attune_loop_lag_seconds_sum 0.2",
        "# TYPE attune_backlog gauge",
        "attune_backlog 2.5",
        "# TYPE attune_late_total counter",
        "attune_late_total 4.0",
    ):
        assert line in lines


def test_probes_are_told_whether_it_is_ready_and_other_pages_are_not_there() -> None:
    reasons = ["it has not begun", ""]
    with exposed(Metrics(), Address("127.0.0.1", 0), lambda: reasons.pop(0)) as at:
        assert answered(f"http://{at}/ready") == (503, "it has not begun\n")
        assert answered(f"http://{at}/ready?verbose") == (200, "yes\n")
    with exposed(Metrics(), Address("127.0.0.1", 0)) as at:
        assert answered(f"http://{at}/live") == (200, "yes\n")
        for page in ("/", "/metric", "/metrics/more", "/ready/"):
            status, said = answered(f"http://{at}{page}")
            assert (status, said) == (404, "there are /metrics, /live and /ready\n")


def answered(url: str) -> tuple[int, str]:
    """The status and text of a page."""
    try:
        with urllib.request.urlopen(url, timeout=10) as page:
            return page.status, page.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_an_address_that_cannot_be_listened_on_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        taken = Address("127.0.0.1", used.getsockname()[1])
        for address, why in (
            (taken, "Address already in use"),
            (Address("192.0.2.1", 0), "Cannot assign requested address"),
            (Address("nowhere.invalid", 0), ""),
        ):
            with (
                pytest.raises(InvalidInput, match=f"{address} cannot be listened on: {why}"),
                exposed(Metrics(), address),
            ):
                pass


def test_metrics_tell_of_the_rule_book_and_of_one_that_cannot_take_over() -> None:
    metrics = Metrics()
    active = RuleBookStatus(active_since=1_500_000, accepted=2, refused=1)
    broken = replace(active, last_load_error=(Diagnostic("a.yaml", 1, 1, "a mistake"),) * 3)
    statuses = [broken, RuleBookStatus()]
    books = [book(), None]
    metrics.follow(lambda: (books.pop(0), statuses.pop(0)))
    lines = generate_latest(metrics).decode().splitlines()
    for line in (
        'attune_rulebook_loads_total{result="accepted"} 2.0',
        'attune_rulebook_loads_total{result="refused"} 1.0',
        "attune_rulebook_mistakes 3.0",
        f'attune_rulebook_active_since_seconds{{version="{book().version}"}} 1.5',
    ):
        assert line in lines
    assert b"active_since" not in generate_latest(metrics)
