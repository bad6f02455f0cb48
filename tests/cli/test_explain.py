"""`attune explain`, by rules in files and by a running service."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import application
from engine.model import (
    HOUR,
    ActionId,
    Customer,
    CustomerId,
    DecisionId,
    EventId,
    PastInteraction,
    PlacementId,
    Touch,
    Value,
)
from tests.cli.conftest import Attune, Live
from tests.rulebook.builders import POLICIES, action, files
from tests.test_engine import write

ANNA = "customer: {customer.age: 17, consent.marketing: true, consent.channels: [web]}\n"


def run(*arguments: object) -> Result:
    words = list(map(str, arguments))
    return CliRunner().invoke(application(["explain"]), ["explain", *words])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, content in files().items():
        file = tmp_path / "book" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (tmp_path / "anna.yaml").write_text(ANNA)
    return tmp_path / "book"


def by_file(folder: Path, *more: object) -> Result:
    return run("--rules", folder, "--customer-file", folder.parent / "anna.yaml", *more)


def test_who_is_shown_and_what_would_let_the_others_in(folder: Path) -> None:
    result = by_file(folder, "-p", "web.hero", "--now", "2026-11-21")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"{folder} at 2026-11-21T00:00:00Z; nothing is learned here, so every action has the"
        " propensity 0.1",
        "",
        "web.hero",
        "  shown #1  stay  priority 1.65 = P 0.1 · C 1 · V 10 · L 1.65",
        "  out  data_5gb",
        "      eligible_when.adult is false: customer.age >= 18",
        "        saw     customer.age = 17",
        f"        at      {folder}/actions/all.yaml:6:14",
        "      smallest change that lets it in:",
        "        customer.age is 17, needs 18 or more",
        "",
    ]


def test_everywhere_unless_told_where(folder: Path) -> None:
    lines = by_file(folder).stdout.splitlines()
    assert [line for line in lines if line and line[0] != " "][1:] == ["web.hero", "ivr.prompt"]
    assert "  no treatment here: stay" in lines
    one = by_file(folder, "--action", "stay").stdout
    assert "web.hero" in one
    assert "data_5gb" not in one
    assert "ivr.prompt" not in one


def test_several_reasons_each_with_its_change(folder: Path) -> None:
    result = by_file(
        folder, "--action", "data_5gb", "-p", "web.hero", "-c", "consent.channels=[app]"
    )
    assert "        change  customer.age is 17, needs 18 or more" in result.stdout
    assert '        change  consent.channels is ["app"], needs "web" in it' in result.stdout


def test_for_programs(folder: Path) -> None:
    result = by_file(folder, "-p", "web.hero", "--action", "data_5gb", "--format", "json")
    (told,) = json.loads(result.stdout)
    change = {"attribute": "customer.age", "is": "17", "nearest": "18", "needs": "18 or more"}
    assert told == {
        "placement": "web.hero",
        "action": "data_5gb",
        "rank": 0,
        "factors": None,
        "reasons": [
            {
                "code": "eligible_when.adult",
                "stage": "eligibility",
                "unknown": False,
                "detail": "customer.age >= 18",
                "place": "actions/all.yaml:6:14",
                "saw": {"customer.age": "17"},
                "changes": [change],
            }
        ],
        "changes": [change],
        "notes": [],
    }


def test_attributes_alone_and_json_will_do(folder: Path) -> None:
    (folder.parent / "anna.json").write_text('{"customer.age": 40}')
    result = run(
        "--rules", folder, "--customer-file", folder.parent / "anna.json", "--action", "data_5gb"
    )
    assert "applicable_when.consent is unknown" in result.stdout
    assert "eligible_when.adult" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-p", "web.heros"), "Did you mean 'web.hero'?"),
        (("--action", "sty"), "Did you mean 'stay'?"),
        (("-c", "customer.aeg=3"), "Did you mean 'customer.age'?"),
        (("-c", "customer.age"), "is no NAME=VALUE"),
        (("-c", "customer.age=old"), "expected a whole number"),
        (("--now", "noon"), "is no time like"),
    ],
)
def test_a_mistake_on_the_command_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    result = by_file(folder, *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", "").split())


def test_a_mistake_in_the_file_has_its_place(folder: Path) -> None:
    (folder.parent / "anna.yaml").write_text("customer:\n  customer.age: old\n")
    told = "".join(by_file(folder).stderr.replace("│", "").split())
    assert "anna.yaml:2:17:expectedawholenumber" in told
    (folder.parent / "anna.yaml").unlink()
    assert "cannot be read" in " ".join(by_file(folder).stderr.replace("│", "").split())


def test_a_broken_book_prints_its_mistakes(folder: Path) -> None:
    (folder / "policies.yaml").write_text(POLICIES.replace("slots: 2", "slots: no"))
    result = by_file(folder)
    assert result.exit_code == 2
    assert "policies.yaml:13:12: expected a whole number" in result.stdout
    assert by_file(folder / "nowhere").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [(), ("anna", "--customer-file", "x.yaml"), ("anna",), ("--customer-file", "x.yaml")],
)
def test_what_is_asked_must_be_plain(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


# --- of a running service -------------------------------------------------------------------------


def test_the_service_explains_by_its_own_rules(live: Live, attune: Attune) -> None:
    asked = ("explain", "anna", "-p", "web.home_hero", "--server", live.address)
    ran = attune(*asked)
    assert ran.returncode == 0, ran.stderr
    assert "!customer.complaint_open" in ran.stdout
    told = json.loads(attune(*asked, "--action", "a3", "--format", "json").stdout)
    assert [candidate["action_id"] for candidate in told] == ["a3"]
    assert told[0]["reasons"][0]["code"] == "suitable_when.no_complaint"


def test_a_known_customer_is_judged_by_other_rules(
    live: Live, attune: Attune, folder: Path
) -> None:
    known: dict[str, Value] = {
        "customer.age": 17,
        "consent.channels": ("web",),
        "customer.name": "Anna",
        "customer.churn_score": 0.5,  # which the other rules do not declare
    }
    who = CustomerId("young-anna")
    live.engine.customers[who] = Customer(who, known, updated_at=1_795_000_000_000_000)
    asked = ("explain", who, "--rules", folder, "-p", "web.hero", "--server", live.address)
    ran = attune(*asked, "--action", "data_5gb")
    assert ran.returncode == 0, ran.stderr
    assert "customer.age is 17, needs 18 or more" in ran.stdout
    assert "consent.marketing is unknown, needs true" in ran.stdout
    assert "consent.channels = [web]" in ran.stdout
    stranger = attune("explain", "stranger", "--rules", folder, "--server", live.address)
    assert stranger.returncode == 1
    assert "nobody has heard of customer 'stranger'" in stranger.stderr


def test_what_happened_to_a_known_customer_counts(
    live: Live, attune: Attune, tmp_path: Path
) -> None:
    once = {"scope": "action", "count": "click", "at_least": 1, "within": "1d", "pause": "1d"}
    write(
        tmp_path,
        files(
            policies={"contact_policies": {"once": once}, "all_actions": None},
            actions=[action("a", contact_policies=["once"])],
        ),
    )
    who, clicked = CustomerId("clicked"), 1_795_000_000_000_000
    touch = Touch(DecisionId("d"), ActionId("a"), "web", PlacementId("web.hero"), clicked)
    touch.outcomes["click"] = (clicked, 0.0)
    live.engine.customers[who] = Customer(who, touches=[touch], updated_at=1)
    asked = ("explain", who, "--rules", tmp_path, "-p", "web.hero", "--server", live.address)
    ran = attune(*asked, "--now", "2026-11-18T12:00:00Z")
    assert "contact_policy.once" in ran.stdout, ran.stderr
    assert "needs 2026-11-19T11:06:40Z or later" in ran.stdout
    later = attune(*asked, "--now", "2026-11-19T12:00:00Z")
    assert "contact_policy.once" not in later.stdout


def test_a_known_customer_s_events_are_counted(live: Live, attune: Attune, tmp_path: Path) -> None:
    paid = {"type": "double", "from": {"event": "paid", "sum": "1d", "of": "amount"}}
    made = [action("thanks", applicable_when={"paid": "events.paid >= 10.0"})]
    write(
        tmp_path,
        files(attributes={"events.paid": paid}, policies={"all_actions": None}, actions=made),
    )
    who, now = CustomerId("payer"), 1_795_000_000_000_000
    happened = [
        PastInteraction(now - n * HOUR, "paid", "web", EventId(f"e{n}"), {"amount": amount})
        for n, amount in ((30, 100.0), (2, 4.5), (1, 4.0))
    ]
    live.engine.customers[who] = Customer(who, interactions=happened, updated_at=1)
    asked = ("explain", who, "--rules", tmp_path, "-p", "web.hero", "--server", live.address)
    ran = attune(*asked, "--now", "2026-11-18T11:06:40Z")
    assert "events.paid is 8.5, needs 10 or more" in ran.stdout, ran.stderr
