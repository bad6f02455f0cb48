"""A service of FastAPI and river against `attune serve`: the same 200 actions, asked over loopback.

Neither model has learned anything yet, and nothing is explored, so that what is best follows from
rules, values and levers, and both must say the same.
"""

import http.client
import importlib
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import yaml

from benchmarks import workloads
from benchmarks.floor import attune, server
from benchmarks.peers.contest import Contest
from benchmarks.peers.rules import CUSTOMERS, customers
from engine.learn import Learner
from engine.rulebook.book import RuleBook
from engine.rulebook.load import load
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub

ACTIONS: Final = 200
WORK: Final = f"a decision over the wire, {ACTIONS} actions × {ACTIONS} conditions"


def contests() -> Iterator[Contest]:
    """One client, one question at a time, to either service."""
    for package in ("fastapi", "uvicorn", "httptools"):
        importlib.import_module(package)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        folder = _greedy(workloads.write_book(scratch / "book", ACTIONS))
        book = load(folder).book
        if book is None:
            raise ValueError("the benchmarks' rule book has mistakes")
        (scratch / "peer.json").write_text(json.dumps(_told(book)))
        with _ours(folder, scratch / "data") as ours, _theirs(scratch / "peer.json") as theirs:
            yield Contest("FastAPI and river", WORK, ours, theirs, _same)


@contextmanager
def _ours(book: Path, data: Path) -> Iterator[Any]:
    with attune(book, data) as service, grpc.insecure_channel(service.address) as channel:
        decide = DecisionServiceStub(channel).Decide
        asked = [
            DecideRequest(
                customer_id=c.customer_id, channel="web", placements=[workloads.PLACEMENT]
            )
            for c in workloads.customers(CUSTOMERS)
        ]

        def ours(customer: int) -> DecideResponse:
            answer: DecideResponse = decide(asked[customer])
            return answer

        yield ours


@contextmanager
def _theirs(told: Path) -> Iterator[Any]:
    with server(["benchmarks.peers.fastapi_service", told]) as service:
        connection = http.client.HTTPConnection(service.address)
        headers = {"Content-Type": "application/json"}
        asked = [
            json.dumps({"customer_id": c.customer_id, "max_offers": workloads.SLOTS})
            for c in workloads.customers(CUSTOMERS)
        ]

        def theirs(customer: int) -> dict[str, Any]:
            connection.request("POST", "/decide", asked[customer], headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer

        yield theirs
        connection.close()


def _greedy(folder: Path) -> Path:
    path = folder / "policies.yaml"
    policies = yaml.safe_load(path.read_text())
    policies["arbitration"]["exploration"] = {"policy": "greedy"}
    path.write_text(yaml.safe_dump(policies, sort_keys=False))
    return folder


def _told(book: RuleBook) -> dict[str, Any]:
    """What the peer is given: customers, and each action's condition, worth (V · L) and texts."""
    condition = {c.owner: c.text for c in book.conditions if c.test == "eligible_when"}
    return {
        "intercept": Learner().intercept,
        "customers": {c.customer_id: c.attributes for c in customers()},
        "actions": [
            {
                "action_id": action.action_id,
                "condition": in_python(condition[action.action_id]),
                "worth": (action.value.constant or 0.0) * action.lever,
                "content": dict(book.treatments[action.treatments[0]].texts),
            }
            for action in book.actions
        ],
    }


def in_python(text: str) -> str:
    """A condition of the benchmarks' workload as somebody would write it in Python.

    >>> in_python('usage.n1 < 5 || customer.age > 3 && !customer.complaint_open')
    "known['usage.n1'] < 5 or known['customer.age'] > 3 and not known['customer.complaint_open']"
    """
    words = text.replace("||", "or").replace("&&", "and")
    return re.sub(
        r"(?<![\w.])([a-z]+\.[a-z_0-9]+)", r"known['\1']", re.sub(r"!(?!=)", "not ", words)
    )


def _same(ours: Any, theirs: Any) -> bool:
    """Whether both show the same actions in the same order, as probable and with the same priority."""
    if ours.degraded:
        return False
    told = [
        (o.action_id, o.propensity, o.priority, dict(o.content)) for o in ours.placements[0].offers
    ]
    heard = [
        (o["action_id"], o["propensity"], o["priority"], o["content"]) for o in theirs["offers"]
    ]
    return len(told) == len(heard) and all(
        a[0] == b[0] and a[3] == b[3] and abs(a[1] - b[1]) < 1e-9 and abs(a[2] - b[2]) < 1e-9
        for a, b in zip(told, heard, strict=True)
    )
