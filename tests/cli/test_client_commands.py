"""`attune decide` and `attune record` against a running service."""

import io
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from rich.console import Console

from engine.cli.explained import show
from engine.model import IncomingResponse, Interaction
from engine.triggers.outbox import Left
from engine.wire.decision_pb2 import DecideResponse, Degradation, PlacementOffers
from tests.cli.conftest import Attune, Live
from tests.messages import message


def test_decide_shows_the_offers_and_how_to_answer_them(live: Live, attune: Attune) -> None:
    ran = attune("decide", "anna", "web.banner", "--server", live.address)
    assert ran.returncode == 0, ran.stderr
    assert "web.banner: shown" in ran.stdout
    assert re.search(r"1 +│ a1 +│ a1\.web\.banner +│ headline: .+\n.*│ body: x+", ran.stdout)
    assert re.search(r"attune record anna --action a1 --decision d\d+ --outcome click", ran.stdout)


def test_explain_tells_who_won_and_who_is_out_and_why(live: Live, attune: Attune) -> None:
    ran = attune("decide", "anna", "web.home_hero", "--explain", "--server", live.address)
    assert re.search(r"#1 +│ a1 +│ +2\.97 │ +0\.3 │ +2 │ +4\.5 │ +1\.1 │ +90\.0%", ran.stdout), (
        ran.stdout
    )
    assert re.search(
        r"a2 +│ priority 0\.7 is below those shown .*\n.* 8 arbitration  arbitration\.outranked",
        ran.stdout,
    )
    assert re.search(
        r"a3 +│ is not so: !customer\.complaint_open +│ customer\.complaint_open = true +│\n"
        r".*4 suitability  suitable_when\.no_complaint  policies\.yaml:4:9",
        ran.stdout,
    )
    assert re.search(
        r"cannot be told: consent\.marketing.*\n.*5 consent and contact  applicable_when",
        ran.stdout,
    )
    assert "consent.marketing = unknown" in ran.stdout
    assert "these have no treatment here: a4\n" in ran.stdout
    assert re.search(r"Microseconds: rules 1[23], score 20", ran.stdout)
    assert ran.stdout.index("│ a2") < ran.stdout.index("│ a3")


def test_a_fallback_and_what_was_skipped_are_said(live: Live, attune: Attune) -> None:
    nobody = attune("decide", "nobody", "web.banner", "--server", live.address).stdout
    hurried = attune("decide", "hurried", "web.banner", "--server", live.address).stdout
    assert "nothing to offer now, so the fallback is shown" in nobody
    assert "Good to see you" in nobody
    assert "attune record" not in nobody
    assert "Without the profile: no time" in hurried


def test_a_fallback_because_caps_are_closed_does_not_say_that_nobodys_offer_fits() -> None:
    told = Console(record=True, width=120, file=io.StringIO())
    withheld = DecideResponse(
        placements=[PlacementOffers(placement="web.banner", fallback=True)],
        degraded=[Degradation(step=Degradation.STEP_CAPS, reason="Redis cannot be reached")],
    )
    show(withheld, "anna", told)
    said = " ".join(told.export_text().split())
    assert "nothing to offer now, so the fallback is shown" in said
    assert "Without what is capped: Redis cannot be reached" in said


def test_decide_speaks_json(live: Live, attune: Attune) -> None:
    ran = attune(
        *("decide", "anna", "web.banner", "--format", "json", "--dry-run"),
        *("--context", "customer.age=42", "-c", 'customer.name="123"', "--max-offers", 1),
        ATTUNE_SERVER=str(live.address),
    )
    answer = json.loads(ran.stdout)
    assert answer["placements"][0]["offers"][0]["action_id"] == "a1"
    assert answer["token"] == ""
    assert answer["degraded"] == []
    question = live.engine.questions[-1]
    assert question.context == {"customer.age": 42, "customer.name": "123"}
    assert question.dry_run
    assert question.max_offers == 1


def test_a_refusal_names_every_field(live: Live, attune: Attune) -> None:
    ran = attune(
        *("decide", "anna", "web.banner", "--server", live.address),
        *("-c", "customer.agee=42", "-c", "customer.segment=vipp"),
    )
    assert ran.returncode == 1
    assert ran.stderr == (
        "attune: the service refused this (INVALID_ARGUMENT):\n"
        "  context[\"customer.segment\"]: 'vipp' is not one of mass, premium, vip."
        " Did you mean 'vip'?\n"
        '  context["customer.agee"]: is not an attribute of the rule book.'
        " Did you mean 'customer.age'?\n"
    )


def test_where_nothing_answers_one_line_says_what_to_do(attune: Attune) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    ran = attune("decide", "anna", "web.banner", "--server", address)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith(f"attune: nothing answers at {address} (Connection refused);")
    assert "`attune serve`" in ran.stderr


def test_a_port_that_keeps_silent_is_no_attune_service(attune: Attune) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        ran = attune("decide", "anna", "web.banner", "--server", address)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith(f"attune: what listens at {address} is no Attune service: ")


def test_another_grpc_service_is_no_attune_service(attune: Attune) -> None:
    other = grpc.server(ThreadPoolExecutor(1))
    address = f"127.0.0.1:{other.add_insecure_port('127.0.0.1:0')}"
    other.start()
    try:
        ran = attune("decide", "anna", "web.banner", "--server", address)
    finally:
        other.stop(None).wait()
    assert ran.returncode == 1
    assert (
        ran.stderr == f"attune: what answers at {address} is no Attune service, or an older one\n"
    )


def test_certificates_to_trust_that_are_none_are_a_usage_error(
    attune: Attune, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    ran = attune("decide", "anna", "web.banner", "--tls-ca", tmp_path / "ca.pem")
    assert ran.returncode == 2
    assert "holds no certificates in PEM" in ran.stderr


@pytest.mark.parametrize(
    "wrong", [["--server", "here"], ["-c", "customer.age"], ["--timeout-ms", "0"]]
)
def test_what_cannot_be_read_is_a_usage_error(attune: Attune, wrong: list[str]) -> None:
    ran = attune("decide", "anna", "web.banner", *wrong)
    assert ran.returncode == 2
    assert "Invalid value" in ran.stderr


def test_a_response_is_recorded_once(live: Live, attune: Attune) -> None:
    say = (
        *("record", "anna", "--action", "a1", "--decision", "d1", "--outcome", "accept"),
        *("--value", 4.99, "--event-id", "cli-1", "--server", live.address),
    )
    assert attune(*say).stdout == "accepted: event cli-1 survives a crash from now on\n"
    assert attune(*say).stdout.startswith("duplicate: event cli-1 was known already")
    assert live.engine.events["cli-1"].body == IncomingResponse("a1", b"", "d1", "accept", 4.99)  # type: ignore[index, arg-type]  # ids


def test_an_interaction_is_recorded_with_its_attributes(live: Live, attune: Attune) -> None:
    ran = attune(
        *("record", "anna", "--interaction", "dropped_call", "--channel", "ivr"),
        *("--attribute", "network.cell=17", "--event-id", "cli-2", "--server", live.address),
        *("--format", "json"),
    )
    assert json.loads(ran.stdout) == {"event_id": "cli-2", "status": "STATUS_ACCEPTED"}
    assert live.engine.events["cli-2"].body == Interaction(  # type: ignore[index]  # an id
        "dropped_call", "ivr", {"network.cell": 17}
    )


def test_a_rejected_event_says_why_and_fails(live: Live, attune: Attune) -> None:
    ran = attune("record", "anna", "--action", "a1", "--server", live.address)
    assert ran.returncode == 1
    assert ran.stdout.startswith("rejected: response.outcome: must not be empty; response.token:")


def test_a_channel_the_book_does_not_have_is_not_recorded(live: Live, attune: Attune) -> None:
    ran = attune(
        *("record", "anna", "--interaction", "visit", "--event-id", "e-webb"),
        *("--channel", "webb", "--server", live.address),
    )
    assert ran.returncode == 2
    assert "'webb' is not one of web, ivr. Did you mean 'web'?" in ran.stderr
    assert "e-webb" not in live.engine.events


def test_an_event_is_either_a_response_or_an_interaction(attune: Attune) -> None:
    for both_or_none in ([], ["--action", "a1", "--interaction", "visit"]):
        assert attune("record", "anna", *both_or_none).returncode == 2


def test_offers_of_triggers_for_people_and_for_programs(live: Live, attune: Attune) -> None:
    live.engine.left = [Left(1, message("e1", "sms")), Left(2, message("e2", "email"))]
    told = attune("offers", "--server", live.address).stdout.splitlines()
    assert told[0].startswith("1  2026-11-1")
    assert told[0].endswith("Z  anna  by sms, set off by sorry")
    assert told[1] == "    credit: We are sorry."
    assert told[2].endswith("anna  by email, set off by sorry")
    ran = attune("offers", "--after", 1, "--server", live.address, "--format", "json")
    (line,) = ran.stdout.splitlines()
    assert json.loads(line) == {"position": 2, **live.engine.left[1].message.document}
    assert attune("offers", "--after", 2, "--server", live.address).stdout == ""


def test_a_position_that_cannot_be_is_named(live: Live, attune: Attune) -> None:
    live.engine.left = [Left(1, message("e1"))]
    beyond = attune("offers", "--follow", "--after", 2, "--server", live.address)
    assert beyond.returncode == 1
    assert beyond.stderr.endswith("(OUT_OF_RANGE): position 2 is beyond the newest, 1\n")
    huge = attune("offers", "--after", "9999999999999999999", "--server", live.address)
    assert huge.returncode == 2
    assert "Input should be less than or equal to 9223372036854775807" in huge.stderr
    assert "Traceback" not in huge.stderr
