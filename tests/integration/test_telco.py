"""The 7,043 customers of IBM's telecom sample, imported into a real service and decided for."""

import asyncio
import csv
import gzip
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import grpc
import orjson
import pytest

from engine.wire.customer_pb2 import GetCustomerRequest
from engine.wire.customer_pb2_grpc import CustomerServiceStub
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "telco" / "telco-customer-churn.csv.gz"
PAGES = (("web.home_hero", "web.account_cards"), ("ivr.main_prompt",))

Sample = Mapping[str, str]
"""One line of the sample, as IBM wrote it."""

pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason=f"the telecom sample is not here: {DATA} does not exist"
)

# What the rule book says of each action, written down again from the sample's own columns. Actions
# that are not listed need something the sample does not tell (a plan, data used, a contract's end).
ALLOWED: Mapping[str, Callable[[Sample], bool]] = {
    "welcome": lambda c: int(c["tenure"]) <= 2,
    "fibre_upgrade": lambda c: c["InternetService"] == "DSL" and float(c["MonthlyCharges"]) >= 40,
    "home_security": lambda c: (
        c["InternetService"] != "No" and not (c["OnlineSecurity"] == c["OnlineBackup"] == "Yes")
    ),
    "streaming_pack": lambda c: (
        c["InternetService"] == "Fiber optic"
        and not (c["StreamingTV"] == c["StreamingMovies"] == "Yes")
    ),
    "family_plan": lambda c: (
        c["PhoneService"] == "Yes"
        and "Yes" in {c["Partner"], c["Dependents"]}
        and float(c["MonthlyCharges"]) >= 60
        and int(c["tenure"]) >= 3
    ),
    "annual_contract": lambda c: c["Contract"] == "Month-to-month" and int(c["tenure"]) >= 6,
    "direct_debit": lambda c: c["PaymentMethod"] in {"Electronic check", "Mailed check"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service in a process of its own; yields where it listens."""
    data = tmp_path_factory.mktemp("telco")
    command = ["-m", "engine", "serve", "--rules", ROOT / "rules/telecom", "--data", data / "data"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ATTUNE_")}
    with (
        (data / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, *map(str, command), "--listen", "127.0.0.1:0"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as child,
    ):
        try:
            assert child.stdout is not None
            ready = re.search(r"ready on (\S+)", child.stdout.readline())
            assert ready, (data / "log").read_text()
            yield ready[1]
        finally:
            child.terminate()
            child.wait(20)


@pytest.fixture(scope="module")
def imported(server: str) -> Mapping[str, object]:
    """What `attune import customers` said when it had imported the sample."""
    command = ["-m", "engine", "import", "customers", DATA, "--map", "examples/telco-import.yaml"]
    done = subprocess.run(
        [sys.executable, *map(str, command), "--server", server, "--format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told: Mapping[str, object] = orjson.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def samples() -> Mapping[str, Sample]:
    with gzip.open(DATA, "rt", encoding="utf-8", newline="") as file:
        return {row["customerID"]: row for row in csv.DictReader(file)}


def test_every_row_is_imported(
    imported: Mapping[str, object], samples: Mapping[str, Sample]
) -> None:
    assert len(samples) == 7_043
    assert (imported["imported"], imported["rejected"], imported["errors"]) == (7_043, 0, [])


def test_profiles_say_what_the_rows_say(
    server: str, imported: Mapping[str, object], samples: Mapping[str, Sample]
) -> None:
    blank = [name for name, row in samples.items() if not row["TotalCharges"].strip()]
    assert len(blank) == 11
    with grpc.insecure_channel(server) as channel:
        customers = CustomerServiceStub(channel)
        for name in blank:
            profile = customers.GetCustomer(GetCustomerRequest(customer_id=name)).customer
            assert "telco.total_charges" not in profile.attributes
        for name in list(samples)[::500]:
            row = samples[name]
            profile = customers.GetCustomer(GetCustomerRequest(customer_id=name)).customer
            said = profile.attributes
            assert said["customer.tenure_months"].int_value == int(row["tenure"])
            assert said["telco.monthly_charges"].double_value == float(row["MonthlyCharges"])
            assert said["telco.paperless"].bool_value == (row["PaperlessBilling"] == "Yes")
            assert said["customer.gender"].string_value == row["gender"].lower()
            assert "ivr" in said["consent.channels"].string_list.values


async def test_everybody_is_decided_for_on_the_web_and_on_the_telephone(
    server: str, imported: Mapping[str, object], samples: Mapping[str, Sample]
) -> None:
    answers = await _answers(server, list(samples))
    assert len(answers) == len(samples) * len(PAGES)
    degraded = [(name, d.reason) for (name, _), a in answers.items() for d in a.degraded]
    assert degraded == []
    shown = {key: _actions(answer) for key, answer in answers.items() if not answer.holdout}
    asked = {name for name, _ in shown}
    assert 0.8 * len(samples) < len(asked) < len(samples)
    wrong = [
        (name, action)
        for (name, _), actions in shown.items()
        for action in actions
        if action not in ALLOWED or not ALLOWED[action](samples[name])
    ]
    assert wrong == []
    for page, least in zip(PAGES, (0.85, 0.7), strict=True):
        offered = sum(bool(actions) for (_, at), actions in shown.items() if at == page)
        assert offered >= least * len(asked), (page, offered)
    assert {action for actions in shown.values() for action in actions} == set(ALLOWED)


def _actions(answer: DecideResponse) -> list[str]:
    """The actions shown; an answer is never empty, and a fallback stands for no action."""
    actions = []
    for placed in answer.placements:
        assert placed.offers
        assert all(bool(offer.action_id) != placed.fallback for offer in placed.offers)
        assert all(all(offer.content.values()) for offer in placed.offers)
        actions += [offer.action_id for offer in placed.offers if offer.action_id]
    assert len(actions) == len(set(actions))
    return actions


async def _answers(
    server: str, names: list[str]
) -> Mapping[tuple[str, tuple[str, ...]], DecideResponse]:
    answers: dict[tuple[str, tuple[str, ...]], DecideResponse] = {}
    questions = iter([(name, page) for name in names for page in PAGES])
    async with grpc.aio.insecure_channel(server) as channel:
        decide = DecisionServiceStub(channel).Decide

        async def ask() -> None:
            for name, page in questions:
                request = DecideRequest(customer_id=name, placements=page)
                answers[name, page] = await decide(request, timeout=2.0)

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(ask())
    return answers
