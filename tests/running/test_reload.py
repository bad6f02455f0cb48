"""The rule book follows its files, in a real service under load; nothing in them can stop it."""

import random
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from engine.edges.rules.kept import KEPT
from engine.rulebook.diagnostics import Diagnostic
from engine.rulebook.loosening import Loosened
from engine.rulebook.loosening import Loosening as Loss
from engine.rulebook.snapshot import Snapshot
from engine.running.reload import TOLD, complain, tell
from engine.wire.customer_pb2 import Customer, PutCustomersRequest
from engine.wire.decision_pb2 import DecideRequest, DecideResponse, DecideStreamRequest
from engine.wire.event_pb2 import Event, EventResult, RecordEventsRequest, Response
from engine.wire.rulebook_pb2 import GetRuleBookStatusResponse, Loosening
from engine.wire.value_pb2 import AttributeValue, StringList
from tests.rulebook.builders import ATTRIBUTES, POLICIES, files
from tests.service import Service, serving

PEOPLE = [f"customer-{number}" for number in range(20)]
PATIENCE = 60.0


def edition(number: int) -> dict[str, bytes]:
    """A book all of whose texts, in two files, name its number; every third lacks one placement."""
    headline = f"Edition {number}"
    actions = [
        {
            "id": f"offer{i}",
            "title": f"Offer {i}",
            "group": "bundles",
            "value": number + 1,
            "eligible_when": {"adult": f"customer.age >= {18 + number % 2}"},
            "treatments": [
                {"id": f"offer{i}.web", "placement": "web.hero", "texts": {"headline": headline}}
            ],
        }
        for i in range(2 + number % 3)
    ]
    policies = POLICIES.replace("Good to see you", headline)
    if number % 3 == 2:
        policies = policies[: policies.index("  ivr.prompt:")]
    attributes = ATTRIBUTES
    if number % 4 == 3:  # what is stored for everybody is now of another type
        attributes = attributes.replace("customer.name: {type: string", "customer.name: {type: int")
    outcomes = "outcomes: {impression: 0, click: 0.2, accept: 1}\n"
    return files(attributes=attributes, policies=policies + outcomes, actions=actions)


def test_a_book_full_of_mistakes_does_not_flood_the_log() -> None:
    mistakes = [Diagnostic("actions/a.yaml", line, 1, "unknown group") for line in range(1, 501)]
    with capture_logs() as told:
        complain(mistakes, "v1")
    assert [line["event"] for line in told] == [
        "rulebook.refused",
        *["rulebook.mistake"] * TOLD,
        "rulebook.mistakes_left_out",
    ]
    assert told[0]["mistakes"] == TOLD + told[-1]["number"] == 500


def version_of(book: dict[str, bytes]) -> str:
    return Snapshot(dict(sorted(book.items()))).version


def write(directory: Path, book: dict[str, bytes]) -> None:
    for name, text in book.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text)


class Releases:
    """A directory that is a link to the release in force: all files change in one moment."""

    def __init__(self, at: Path) -> None:
        self.rules = at / "current"
        self._at = at
        self._count = 0

    def release(self, book: dict[str, bytes]) -> None:
        self._count += 1
        directory = self._at / f"release{self._count}"
        write(directory, book)
        new = self._at / "new"
        new.symlink_to(directory)
        new.replace(self.rules)


def until(
    service: Service, seen: Callable[[GetRuleBookStatusResponse], bool]
) -> GetRuleBookStatusResponse:
    """The status as soon as it is so."""
    turn = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        status = service.rulebook
        if seen(status):
            return status
        turn.wait(0.02)
    raise AssertionError(f"not within {PATIENCE} s: {service.rulebook}")


def in_force(version: str) -> Callable[[GetRuleBookStatusResponse], bool]:
    return lambda status: status.active_version == version


def profile(person: str) -> Customer:
    known = Customer(customer_id=person)
    known.attributes["customer.age"].CopyFrom(AttributeValue(int_value=40))
    known.attributes["customer.name"].CopyFrom(AttributeValue(string_value="Anna"))
    known.attributes["consent.marketing"].CopyFrom(AttributeValue(bool_value=True))
    web = AttributeValue(string_list=StringList(values=["web"]))
    known.attributes["consent.channels"].CopyFrom(web)
    return known


def ask(service: Service, person: str = PEOPLE[0]) -> DecideResponse:
    return service.decisions.Decide(
        DecideRequest(customer_id=person, placements=["web.hero"]), timeout=30
    )


def offered(service: Service) -> set[str]:
    """The actions in the answer; the fallback stands for none."""
    return {offer.action_id for offer in ask(service).placements[0].offers}


class Caller(threading.Thread):
    """Decides, alone and on a stream, and reports what was accepted, until it is told to stop.

    `said` is every (version, text) that came back; `wrong` whatever should not have happened.
    """

    def __init__(self, service: Service, name: str) -> None:
        super().__init__(name=name)
        self.said: set[tuple[str, str]] = set()
        self.answers = 0
        self.wrong: list[str] = []
        self._service = service
        self._chance = random.Random(name)
        self._done = threading.Event()

    def stop(self) -> None:
        self._done.set()

    def run(self) -> None:
        while not self._done.is_set():
            try:
                self._visit()
            except grpc.RpcError as error:
                self.wrong.append(f"{error.code()}: {error.details()}")

    def _visit(self) -> None:
        strangers = self._chance.random() < 0.2
        person = f"{self.name}-{self.answers}" if strangers else self._chance.choice(PEOPLE)
        answer = ask(self._service, person)
        self._note(answer)
        questions = [
            DecideStreamRequest(
                request=DecideRequest(
                    customer_id=self._chance.choice(PEOPLE),
                    placements=["web.hero"],
                    request_id=f"{self.name}-{self.answers}-{number}",
                )
            )
            for number in range(3)
        ]
        for reply in self._service.decisions.DecideStream(iter(questions), timeout=30):
            if reply.HasField("status"):
                self.wrong.append(str(reply.status))
            else:
                self._note(reply.response)
        if not answer.placements[0].fallback:
            self._report(person, answer)

    def _report(self, person: str, answer: DecideResponse) -> None:
        offer = answer.placements[0].offers[0]
        event = Event(
            event_id=f"{self.name}-{self.answers}",
            customer_id=person,
            response=Response(action_id=offer.action_id, token=answer.token, outcome="accept"),
        )
        (result,) = self._service.events.RecordEvents(RecordEventsRequest(events=[event])).results
        if result.status != EventResult.STATUS_ACCEPTED:
            self.wrong.append(result.reason)

    def _note(self, answer: DecideResponse) -> None:
        self.answers += 1
        (placed,) = answer.placements
        for offer in placed.offers:
            self.said.add((answer.rulebook_version, offer.content["headline"]))
        if any(d.reason for d in answer.degraded if "deadline" not in d.reason):
            self.wrong.append(str(answer.degraded))


def reload_under_load(tmp_path: Path, times: int) -> None:
    """`times` editions one after the other, a broken book after every fifth, with four callers at it."""
    releases = Releases(tmp_path)
    releases.release(edition(0))
    versions = {version_of(edition(number)): number for number in range(times + 1)}
    with serving(releases.rules, tmp_path / "data") as service:
        service.customers.PutCustomers(PutCustomersRequest(customers=map(profile, PEOPLE)))
        callers = [Caller(service, f"caller{n}") for n in range(4)]
        for caller in callers:
            caller.start()
        try:
            for number in range(1, times + 1):
                releases.release(edition(number))
                if number % 2:
                    service.process.send_signal(signal.SIGHUP)
                version = version_of(edition(number))
                until(service, in_force(version))
                if number % 5 == 0:
                    releases.release(edition(number) | {"policies.yaml": b"issues: [\n"})
                    status = until(service, lambda status: bool(status.last_load_error))
                    assert status.active_version == version
        finally:
            for caller in callers:
                caller.stop()
            for caller in callers:
                caller.join()
        status = service.rulebook
    assert [each for caller in callers for each in caller.wrong] == []
    said = {pair for caller in callers for pair in caller.said}
    assert {version for version, _ in said} <= versions.keys()
    assert {text for version, text in said if text != f"Edition {versions[version]}"} == set()
    assert len({version for version, _ in said}) > times / 2, "the load did not see the swaps"
    assert status.loads_accepted == times + 1
    assert status.loads_refused >= times // 5


def test_decisions_never_fail_while_books_take_over(tmp_path):
    reload_under_load(tmp_path, 20)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_five_hundred_books_take_over(tmp_path):
    reload_under_load(tmp_path, 500)


# --- what cannot take over --------------------------------------------------------------------------


def emptied(rules: Path) -> None:
    for path in rules.rglob("*.yaml"):
        path.unlink()


def looped(rules: Path) -> None:
    (rules / "policies.yaml").unlink()
    (rules / "policies.yaml").symlink_to("policies.yaml")


def half_written(rules: Path) -> None:
    path = rules / "actions/all.yaml"
    path.write_bytes(path.read_bytes()[:250])


def with_mistakes(rules: Path) -> None:
    path = rules / "actions/all.yaml"
    text = path.read_text().replace('"title"', '"titel"').replace("customer.age", "customer.ago")
    path.write_text(text)


def crowded(rules: Path) -> None:
    for number in range(1_100):
        (rules / f"actions/part{number}.yaml").touch()


def a_file(rules: Path) -> None:
    shutil.rmtree(rules)
    rules.write_text("?")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "with mistakes": (with_mistakes, "unknown key 'titel' in an action. Did you mean 'title'?"),
    "half-written": (half_written, ""),
    "an empty file": (lambda rules: (rules / "policies.yaml").write_text(""), ""),
    "binary": (lambda rules: (rules / "policies.yaml").write_bytes(bytes(range(256))), ""),
    "no files": (emptied, "the file is missing"),
    "an enormous file": (
        lambda rules: (rules / "policies.yaml").write_bytes(b"a: b\n" * 1_000_000),
        "the file is larger than 1 MiB: split it",
    ),
    "very many files": (crowded, "more than 1000 files"),
    "unreadable": (looped, "cannot be read"),
    "the directory gone": (shutil.rmtree, "cannot be read: No such file or directory"),
    "a file in its place": (
        a_file,
        "cannot be read: Not a directory",
    ),
}


def test_nothing_that_is_in_the_files_stops_the_last_good_book(tmp_path):
    rules, book = tmp_path / "rules", edition(0)
    write(rules, book)
    with serving(rules, tmp_path / "data") as service:
        service.customers.PutCustomers(PutCustomersRequest(customers=[profile(PEOPLE[0])]))
        health = health_pb2_grpc.HealthStub(service.channel)
        for number, (what, (damage, said)) in enumerate(DAMAGES.items(), 1):
            serves = version_of(book)
            damage(rules)
            status = until(service, lambda status: bool(status.last_load_error))
            mistakes = [
                f"{d.file}:{d.line}:{d.column}: {d.message}" for d in status.last_load_error
            ]
            assert any(said in mistake for mistake in mistakes), (what, mistakes)
            assert all(d.file and d.line and d.column for d in status.last_load_error), what
            assert status.last_load_error_time.seconds
            assert status.active_version == serves
            assert ask(service).rulebook_version == serves
            assert health.Check(health_pb2.HealthCheckRequest()).status == 1
            if rules.is_dir():
                shutil.rmtree(rules)
            else:
                rules.unlink(missing_ok=True)
            book = edition(number)
            write(rules, book)
            status = until(service, in_force(version_of(book)))
            assert not status.last_load_error, what
            assert not status.HasField("last_load_error_time"), what


def test_every_mistake_is_told_with_its_place(tmp_path):
    rules, book = tmp_path / "rules", edition(0)
    write(rules, book)
    with serving(rules, tmp_path / "data") as service:
        with_mistakes(rules)
        status = until(service, lambda status: bool(status.last_load_error))
        places = [(d.file, d.line) for d in status.last_load_error]
        assert places == [("actions/all.yaml", 1)] * 4  # in two actions a key, and a condition
        write(rules, book)
        status = until(service, lambda status: not status.last_load_error)
    assert (status.loads_accepted, status.loads_refused) == (1, 1)


def test_what_is_loosened_is_told_by_name(tmp_path):
    rules = tmp_path / "rules"
    write(rules, files())
    with serving(rules, tmp_path / "data") as service:
        assert not service.rulebook.loosened
        without = files(policies={"all_actions": {}})
        write(rules, without)
        status = until(service, in_force(version_of(without)))
    (loosening,) = status.loosened
    assert (loosening.kind, loosening.name) == (Loosening.KIND_REMOVED, "applicable_when.consent")
    assert list(loosening.actions) == ["data_5gb", "stay"]


def test_of_thousands_that_are_loosened_every_one_is_named_in_few_lines():
    found = [
        Loss(Loosened.CHANGED, f"suitable_when.c{n}", (f"a{n}",), "says else") for n in range(250)
    ]
    with capture_logs() as lines:
        tell(found)
    whole = [line["name"] for line in lines if line["event"] == "rulebook.loosened"]
    others = [line["names"] for line in lines if line["event"] == "rulebook.loosened_too"]
    named = [name for names in others for name in names]
    assert len(lines) < 30
    assert [*whole, *[name.partition(":")[0] for name in named]] == [each.name for each in found]
    assert named[-1] == "suitable_when.c249: a249"


def test_a_hangup_has_files_loaded_that_nobody_watches(tmp_path):
    rules = tmp_path / "rules"
    write(rules, edition(0))
    with serving(rules, tmp_path / "data", "--no-watch") as service:
        write(rules, edition(1))
        service.process.send_signal(signal.SIGHUP)
        until(service, in_force(version_of(edition(1))))
        maps = Path(f"/proc/{service.process.pid}/maps").read_text()
    assert "cel_expr" not in maps  # what decides never loads the checker


def test_what_is_stopped_is_out_though_the_rest_of_the_files_is_broken(tmp_path):
    rules, data, book = tmp_path / "rules", tmp_path / "data", edition(0)
    write(rules, book)
    with serving(rules, data) as service:
        service.customers.PutCustomers(PutCustomersRequest(customers=[profile(PEOPLE[0])]))
        assert offered(service) == {"offer0", "offer1"}
        with_mistakes(rules)
        until(service, lambda status: bool(status.last_load_error))
        stop = {"stop.yaml": b"stopped: [{action: offer0}]"}
        write(rules, stop)
        status = until(service, in_force(version_of(book | stop)))
        assert status.last_load_error
        assert offered(service) == {"offer1"}
    write(rules, {"stop.yaml": b"stopped: [{action: offer1}, {action: offer0}]"})
    with serving(rules, data, "--last-good") as service:
        assert offered(service) == {""}
        write(rules, {"stop.yaml": b"stopped: [{action: offre1}]"})
        until(service, lambda status: status.loads_refused > 1)
        assert offered(service) == {""}
        write(rules, book | {"stop.yaml": b"stopped: []"})
        until(service, in_force(version_of(book | {"stop.yaml": b"stopped: []"})))
        assert "offer0" in offered(service)


# --- over a restart -----------------------------------------------------------------------------------


def test_the_last_good_book_survives_a_restart(tmp_path):
    rules, data = tmp_path / "rules", tmp_path / "data"
    write(rules, edition(0))
    with serving(rules, data) as service:
        write(rules, edition(1))
        until(service, in_force(version_of(edition(1))))
    assert (data / KEPT).exists()
    with_mistakes(rules)
    with serving(rules, data, "--last-good") as service:
        status = service.rulebook
        assert status.active_version == version_of(edition(1))
        assert status.last_load_error
        assert ask(service).rulebook_version == version_of(edition(1))
        write(rules, edition(2))
        until(service, in_force(version_of(edition(2))))


def test_what_was_loosened_between_two_runs_is_told_at_the_start(tmp_path):
    rules, data = tmp_path / "rules", tmp_path / "data"
    write(rules, files())
    with serving(rules, data):
        pass
    write(rules, files(policies={"all_actions": {}}))
    with serving(rules, data) as service:
        assert [each.name for each in service.rulebook.loosened] == ["applicable_when.consent"]
