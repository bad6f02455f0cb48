"""Whole runs against services: what a client process asks, and what it makes of what comes back."""

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine.bench.arrivals import schedule
from engine.bench.plan import Page, Plan
from engine.bench.run import BenchFailed, Course, run
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from tests.bench.service import WAITING, Stalled, answered, serving


def plan(server: str, **chosen: Any) -> Plan:
    usual: dict[str, Any] = {
        "server": server, "tls_ca": None, "rate": 100.0, "seconds": 1.5, "warm_up": 0.0,
        "processes": 1, "stream": False, "budget_ms": 0,
        "pages": (Page("web", ("web.hero", "web.list"), 1.0),),
        "customers": 10, "responses": 0.0, "template": DecideRequest(dry_run=True), "seed": 1,
    }  # fmt: skip
    return Plan(**{**usual, **chosen})


def ran(plan: Plan) -> Course:
    return asyncio.run(run(plan, lambda course, elapsed: None))


def test_a_stall_is_waited_for_from_the_moment_each_customer_meant_to_come():
    """A generator that waits for answers would never have so many waiting, and would see one long call."""
    with serving(Stalled()) as server:
        asked = plan(server, customers=("anna",), pages=(Page("web", ("web.hero",), 1.0),))
        total = ran(asked).total
    assert total.waited.count == total.asked
    assert total.asked > WAITING
    assert not total.failures
    moments = list(schedule(asked, 0))
    assert len(moments) == total.asked
    opened = moments[WAITING - 1]  # nobody is answered before this one comes
    for first in range(WAITING):
        waiting_longer = 100 * (total.asked - first) / total.asked
        assert total.at(waiting_longer) > (opened - moments[first]) * 0.998


def test_what_is_no_good_answer_is_counted_by_its_status_and_never_as_answered():
    turn = count()

    def answer(request: DecideRequest, context: grpc.ServicerContext) -> DecideResponse:
        match next(turn) % 4:
            case 0:
                context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
            case 1:
                return DecideResponse(decision_id="d", placements=[])
        return answered(request)

    with serving(answer) as server:
        total = ran(plan(server, processes=2)).total
    quarter = (total.asked + 3) // 4
    assert total.failures["Decide UNAVAILABLE"] == quarter
    assert total.failures["Decide WRONG_ANSWER"] == pytest.approx(total.asked / 4, abs=1)
    assert total.waited.count + total.unanswered == total.asked
    assert total.at(75) == float("inf")


def test_warm_up_is_asked_and_not_counted():
    asked: list[DecideRequest] = []

    def answer(request: DecideRequest, context: grpc.ServicerContext) -> DecideResponse:
        asked.append(request)
        return answered(request)

    with serving(answer) as server:
        total = ran(plan(server, seconds=1.0, warm_up=1.0)).total
    assert total.asked == total.waited.count
    assert 0 < total.asked < len(asked)
    assert {tuple(request.placements) for request in asked} == {("web.hero", "web.list")}
    assert all(request.dry_run for request in asked)
    assert {request.customer_id for request in asked} <= {f"bench-{n}" for n in range(10)}


def test_a_stream_that_breaks_refuses_who_waits_with_its_status_and_is_opened_anew():
    turn = count()

    def answer(request: DecideRequest, context: grpc.ServicerContext) -> DecideResponse:
        if next(turn) == 20:
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        return answered(request)

    with serving(answer) as server:
        total = ran(plan(server, stream=True)).total
    assert set(total.failures) == {"Decide UNAVAILABLE"}
    assert total.waited.count > 20
    assert total.waited.count + total.unanswered == total.asked


def test_a_client_that_cannot_go_on_ends_the_run_with_what_it_said(tmp_path: Path):
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(BenchFailed, match=r"ended before its time: (.|\n)*missing\.pem"):
        ran(plan("127.0.0.1:9", tls_ca=missing))
