"""A contact policy on a real service that is killed again and again: what was returned counts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from engine.wire.decision_pb2 import DecideRequest
from tests.rulebook.builders import action, files
from tests.service import Service, serving
from tests.test_journey import PEOPLE, put_everybody

LIVES = 3
ONCE = {"scope": "all", "count": "impression", "at_least": 1, "within": "1d", "pause": "1d"}


def rules(directory: Path) -> Path:
    policies = {"contact_policies": {"once": ONCE}}
    for name, text in files(
        policies=policies, actions=[action("a", contact_policies=["once"])]
    ).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text)
    return directory


def offered(service: Service, who: str) -> bool:
    """Whether an answer with an offer came back; False also if the service is gone."""
    try:
        asked = DecideRequest(customer_id=who, placements=["web.hero"])
        answer = service.decisions.Decide(asked, timeout=10)
    except grpc.RpcError:
        return False
    return not answer.placements[0].fallback


def test_what_was_returned_the_moment_before_the_death_counts_after_it(tmp_path: Path) -> None:
    book, data = rules(tmp_path / "rules"), tmp_path / "data"
    times = dict.fromkeys(PEOPLE, 0)
    for life in range(LIVES):
        with serving(book, data, "--no-watch") as service:
            if not life:
                put_everybody(service)
            with ThreadPoolExecutor(2) as clients:
                asking = {who: clients.submit(offered, service, who) for who in PEOPLE[: life + 1]}
                for who, asked in asking.items():
                    times[who] += asked.result()
                service.kill()
    assert max(times.values()) == 1
    assert [times[who] for who in PEOPLE[:LIVES]] == [1] * LIVES
