"""Decide over a real socket: what is asked reaches the engine typed, and the answer is whole."""

import math
import time

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from engine.model import UNKNOWN, Interaction
from engine.settings import Budgets
from engine.wire.decision_pb2 import DecideRequest, DecideResponse, Degradation, Reason
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from engine.wire.event_pb2 import Interaction as Visit
from engine.wire.value_pb2 import AttributeValue, MapValue, StringList
from tests.edges.grpc.books import book
from tests.edges.grpc.conftest import Service, running
from tests.edges.grpc.memory import MemoryEngine
from tests.edges.grpc.test_hostile import details

V = AttributeValue


def ask(*placements: str, customer_id: str = "anna", **more: object) -> DecideRequest:
    return DecideRequest(
        customer_id=customer_id,
        placements=placements or ("web.home_hero",),
        **more,  # type: ignore[arg-type]  # fields by name
    )


async def decide(service: Service, request: DecideRequest) -> DecideResponse:
    return await DecisionServiceStub(service.channel).Decide(request, timeout=10)


async def refusal(service: Service, request: DecideRequest) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await decide(service, request)
    return caught.value


async def test_no_question_passes_for_one_of_a_triggers(service: Service) -> None:
    refused = await refusal(
        service, ask(request_id="trigger:every_ping:x2-a", interaction=Visit(type="trigger:rested"))
    )
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    own = "must not begin with 'trigger:': such names are the engine's own"
    assert details(refused) == {"request_id": own, "interaction.type": own}
    assert not service.engine.questions


async def test_the_answer_carries_everything_the_engine_decided(service: Service) -> None:
    answer = await decide(service, ask("web.banner", request_id="r1"))
    assert (answer.decision_id, answer.request_id, answer.model_version) == ("d1", "r1", "m1")
    assert answer.rulebook_version == service.engine.book.version  # type: ignore[union-attr]  # there is one
    [placed] = answer.placements
    assert (placed.placement, placed.fallback) == ("web.banner", False)
    assert [(o.action_id, o.treatment_id, o.rank) for o in placed.offers] == [
        ("a1", "a1.web.banner", 1),
        ("a2", "a2.web.banner", 2),
        ("a3", "a3.web.banner", 3),
    ]
    first = placed.offers[0]
    assert (first.issue, first.group) == ("grow", "bundles")
    assert (first.priority, first.propensity, first.value, first.probability) == (
        1.5,
        0.3,
        4.5,
        0.9,
    )
    assert dict(first.content) == {"headline": "Headline 0", "body": "x" * 60}
    assert service.engine.capsules.open(answer.token, "anna", "a2").placement == "web.banner"  # type: ignore[arg-type]  # ids


async def test_a_fallback_is_marked_as_one(service: Service) -> None:
    answer = await decide(service, ask(customer_id="nobody"))
    assert answer.placements[0].fallback
    assert dict(answer.placements[0].offers[0].content) == {"headline": "Good to see you"}


async def test_degraded_steps_are_told(service: Service) -> None:
    answer = await decide(service, ask(customer_id="hurried"))
    assert list(answer.degraded) == [Degradation(step=Degradation.STEP_PROFILE, reason="no time")]


async def test_explain_brings_the_trace(service: Service) -> None:
    trace = (await decide(service, ask(explain=True))).trace
    winner, outranked, out, _ = trace.candidates
    assert (winner.rank, winner.factors.priority, list(winner.reasons)) == (1, 2.97, [])
    assert (outranked.rank, outranked.reasons[0].stage) == (0, Reason.STAGE_ARBITRATION)
    assert not out.HasField("factors")
    assert [(r.code, r.unknown) for r in out.reasons] == [
        ("suitable_when.no_complaint", False),
        ("applicable_when.consent", True),
    ]
    assert dict(out.reasons[0].saw) == {"customer.complaint_open": "true"}
    assert dict(trace.timings_us) == {"rules": 12.5, "score": 20.0}


async def test_a_dry_run_has_no_token(service: Service) -> None:
    assert (await decide(service, ask(dry_run=True))).token == b""


async def test_the_same_request_id_gets_the_same_decision(service: Service) -> None:
    one, two = [await decide(service, ask(request_id="r1")) for _ in range(2)]
    assert one == two


async def test_the_same_request_id_with_another_question_already_exists(service: Service) -> None:
    await decide(service, ask(request_id="r1"))
    error = await refusal(service, ask(request_id="r1", max_offers=1))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_the_context_reaches_the_engine_typed(service: Service) -> None:
    await decide(
        service,
        ask(
            max_offers=2,
            interaction=Visit(type="page_visited", attributes={"page": V(string_value="/cancel")}),
            context={
                "customer.age": V(int_value=42),
                "customer.segment": V(string_value="vip"),
                "customer.churn_score": V(int_value=1),
                "customer.birth_date": V(timestamp_value=Timestamp(seconds=-86400, nanos=1500)),
                "customer.tenure": V(duration_value=Duration(seconds=-1, nanos=-500_000_000)),
                "customer.complaint_open": V(bool_value=False),
                "consent.channels": V(string_list=StringList(values=["web", "ivr"])),
                "usage.by_month": V(map_value=MapValue(entries={"june": V(double_value=1.5)})),
                "request.reason": V(string_value="cancel"),
            },
        ),
    )
    [question] = service.engine.questions
    assert question.channel == "web"
    assert question.max_offers == 2
    assert question.interaction == Interaction("page_visited", "", {"page": "/cancel"})
    assert question.context == {
        "customer.age": 42,
        "customer.segment": "vip",
        "customer.churn_score": 1.0,
        "customer.birth_date": -86_399_999_999,
        "customer.tenure": -1_500_000,
        "customer.complaint_open": False,
        "consent.channels": ("web", "ivr"),
        "usage.by_month": {"june": 1.5},
        "request.reason": "cancel",
    }
    assert type(question.context["customer.churn_score"]) is float


async def test_a_value_in_which_nothing_is_set_stands_for_absent(service: Service) -> None:
    absent = ["customer.birth_date", "customer.complaint_open", "customer.age", "consent.channels"]
    await decide(service, ask(context={name: V() for name in absent}))
    assert service.engine.questions[0].context == {
        "customer.birth_date": None,
        "customer.complaint_open": False,
        "customer.age": UNKNOWN,
        "consent.channels": UNKNOWN,
    }


async def test_everything_wrong_is_named_at_once(service: Service) -> None:
    error = await refusal(
        service,
        DecideRequest(
            request_id="x" * 129,
            channel="wbe",
            placements=["web.home_hero", "web.home_hero", "ivr.main_prompt", "web.home_heroo"],
            max_offers=101,
            interaction=Visit(attributes={"customer.age": V(string_value="old")}),
            context={
                "customer.age": V(int_value=131),
                "customer.agee": V(int_value=13),
                "customer.segment": V(string_value="vipp"),
                "customer.complaint_open": V(int_value=1),
                "consent.channels": V(string_list=StringList(values=["web", "iv"])),
                "customer.lucky_numbers": V(string_list=StringList(values=["7"])),
                "usage.by_month": V(map_value=MapValue(entries={"june": V(bool_value=True)})),
                "request.placement": V(string_value="web.banner"),
                "now": V(timestamp_value=Timestamp()),
            },
        ),
    )
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(error) == {
        "customer_id": "must not be empty",
        "request_id": "must be at most 128 bytes, not 129",
        "channel": "'wbe' is not one of web, app, ivr. Did you mean 'web'?",
        "placements[1]": "repeats placements[0]",
        "placements[2]": "ivr.main_prompt belongs to channel ivr, not web;"
        " all placements of a call must be of one channel",
        "placements[3]": "'web.home_heroo' is not a placement of the rule book."
        " Did you mean 'web.home_hero'?",
        "max_offers": "must be between 0 and 100, not 101",
        "interaction.type": "must not be empty",
        'interaction.attributes["customer.age"]': "must be an int, not a string",
        'context["customer.age"]': "must be between 0 and 130, not 131",
        'context["customer.agee"]': "is not an attribute of the rule book."
        " Did you mean 'customer.age'?",
        'context["customer.segment"]': "'vipp' is not one of mass, premium, vip."
        " Did you mean 'vip'?",
        'context["customer.complaint_open"]': "must be a bool, not an int",
        'context["consent.channels"]': "'iv' is not one of web, ivr. Did you mean 'ivr'?",
        'context["customer.lucky_numbers"]': "is declared list(int),"
        " but only lists of strings can be sent",
        'context["usage.by_month"]': "must be a double, not a bool",
        'context["request.placement"]': "is filled in by the engine and cannot be set",
        'context["now"]': "is filled in by the engine and cannot be set",
    }


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_numbers_must_be_finite(service: Service, number: float) -> None:
    error = await refusal(service, ask(context={"customer.churn_score": V(double_value=number)}))
    assert details(error) == {
        'context["customer.churn_score"]': f"must be a finite number, not {number}"
    }


@pytest.mark.parametrize(
    "value",
    [
        V(timestamp_value=Timestamp(seconds=1 << 60)),
        V(timestamp_value=Timestamp(seconds=0, nanos=-1)),
    ],
)
async def test_moments_must_be_moments(service: Service, value: AttributeValue) -> None:
    error = await refusal(service, ask(context={"customer.birth_date": value}))
    assert "years 1 to 9999" in details(error)['context["customer.birth_date"]']


@pytest.mark.parametrize(
    "length", [Duration(seconds=1, nanos=-1), Duration(seconds=1 << 50), Duration(nanos=1 << 30)]
)
async def test_durations_must_be_durations(service: Service, length: Duration) -> None:
    error = await refusal(service, ask(context={"customer.tenure": V(duration_value=length)}))
    assert "10,000 years" in details(error)['context["customer.tenure"]']


@pytest.mark.parametrize(
    ("customer_id", "mistake"),
    [
        ("", "must not be empty"),
        ("é" * 65, "must be at most 128 bytes, not 130"),
        ("an\nna", "must not hold control characters"),
        ("an\x85na", "must not hold control characters"),
    ],
)
async def test_ids_are_short_and_printable(
    service: Service, customer_id: str, mistake: str
) -> None:
    assert details(await refusal(service, ask(customer_id=customer_id))) == {"customer_id": mistake}


@pytest.mark.parametrize("customer_id", ["é" * 64, "王小明", "a b/c:d", "\u00a0"])
async def test_ids_of_any_script_are_taken(service: Service, customer_id: str) -> None:
    assert (await decide(service, ask(customer_id=customer_id))).decision_id


async def test_an_unknown_placement_alone_is_not_found(service: Service) -> None:
    error = await refusal(service, ask("web.home_hero", "web.banana"))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == (
        "placements[1]: 'web.banana' is not a placement of the rule book."
        " Did you mean 'web.banner'?"
    )


@pytest.mark.parametrize("count", [0, 31])
async def test_the_number_of_placements_is_bounded(service: Service, count: int) -> None:
    request = DecideRequest(customer_id="anna", placements=[f"p{i}" for i in range(count)])
    assert details(await refusal(service, request)) == {
        "placements": f"must name 1 to 30 placements, not {count}"
    }


async def test_a_channel_must_be_the_placements_own(service: Service) -> None:
    error = await refusal(service, ask("ivr.main_prompt", channel="web"))
    assert "belongs to channel ivr, not web" in details(error)["placements[0]"]


@pytest.mark.usefixtures("transport")
async def test_without_a_rule_book_nothing_can_be_decided() -> None:
    async with running(MemoryEngine(book=None)) as service:
        error = await refusal(service, ask())
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_another_rule_book_holds_from_the_next_call_on(service: Service) -> None:
    first = await decide(service, ask("web.banner"))
    service.engine.book = book(version="beef" * 16, actions=1)
    second = await decide(service, ask("web.banner"))
    assert (first.rulebook_version[:4], second.rulebook_version[:4]) == ("3f2a", "beef")
    assert len(second.placements[0].offers) == 1


# The engine's clock is time.monotonic, which is one for the whole process: the moments before and
# after the call bound the moment the server took it up.


async def test_the_callers_deadline_is_the_budget_less_the_way_home(service: Service) -> None:
    before = time.monotonic()
    await DecisionServiceStub(service.channel).Decide(ask(), timeout=20)
    after = time.monotonic()
    [deadline] = service.engine.deadlines
    assert before + 19 < deadline < after + 20.1  # grpc rounds timeouts of seconds up by 10 ms


@pytest.mark.parametrize(
    ("placement", "budget"), [("web.home_hero", 4.0), ("ivr.main_prompt", 7.0)]
)
@pytest.mark.usefixtures("transport")
async def test_without_a_deadline_the_channels_own_holds(placement: str, budget: float) -> None:
    budgets = Budgets.parse("web=4000,ivr=7000")
    async with running(MemoryEngine(), budgets=budgets, reserve=0.5) as service:
        before = time.monotonic()
        await DecisionServiceStub(service.channel).Decide(ask(placement))
        after = time.monotonic()
        reserve = min(0.5, budget / 10)
        assert before <= service.engine.deadlines[0] - budget + reserve <= after


async def test_metrics_know_the_channels_of_the_book_and_no_others(service: Service) -> None:
    await decide(service, ask(channel="web"))
    for name in ("wbe", "x" * 1_000):
        await refusal(service, ask(channel=name))
    found = [sample.labels for family in service.metrics.collect() for sample in family.samples]
    assert {labels["channel"] for labels in found if "channel" in labels} == {"web"}
