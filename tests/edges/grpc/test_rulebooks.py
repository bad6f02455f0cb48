"""RuleBookService: which book decides, and what is wrong with another."""

import grpc
import pytest

from engine.edges.grpc.checking import check_files
from engine.rulebook.diagnostics import Severity
from engine.wire.rulebook_pb2 import (
    CheckRuleBookRequest,
    Diagnostic,
    GetRuleBookStatusRequest,
    Loosening,
    PlacementInfo,
)
from engine.wire.rulebook_pb2_grpc import RuleBookServiceStub
from tests.edges.grpc.conftest import Service, running
from tests.edges.grpc.memory import NOW, MemoryEngine
from tests.edges.grpc.test_hostile import details


async def test_the_status_tells_what_is_in_force_and_what_failed(service: Service) -> None:
    status = await RuleBookServiceStub(service.channel).GetRuleBookStatus(
        GetRuleBookStatusRequest(), timeout=10
    )
    assert status.active_version == "3f2a" * 16
    assert status.active_since.ToMicroseconds() == NOW
    assert (status.actions, status.treatments, status.conditions) == (12, 36, 0)
    assert list(status.last_load_error) == [
        Diagnostic(
            file="policies.yaml",
            line=3,
            column=7,
            message="unknown key 'isues'",
            severity=Diagnostic.SEVERITY_ERROR,
        )
    ]
    assert status.last_load_error_time.ToMicroseconds() == NOW + 1_000_000
    assert list(status.loosened) == [
        Loosening(
            kind=Loosening.KIND_REMOVED,
            name="eligible_when.adult",
            actions=["a", "b"],
            message="is gone",
            file="a.yaml",
            line=4,
            column=2,
        )
    ]
    assert (status.loads_accepted, status.loads_refused) == (3, 1)
    assert PlacementInfo(placement="web.banner", channel="web", slots=3) in status.placements


@pytest.mark.usefixtures("transport")
async def test_without_a_book_the_status_says_so() -> None:
    async with running(MemoryEngine(book=None)) as service:
        status = await RuleBookServiceStub(service.channel).GetRuleBookStatus(
            GetRuleBookStatusRequest(), timeout=10
        )
    assert (status.active_version, status.HasField("active_since")) == ("", False)


async def test_files_are_checked(service: Service) -> None:
    check = RuleBookServiceStub(service.channel).CheckRuleBook
    good = await check(CheckRuleBookRequest(files={"policies.yaml": "{}"}), timeout=10)
    bad = await check(CheckRuleBookRequest(files={"actions/a.yaml": "a mistake"}), timeout=10)
    assert (good.valid, list(good.diagnostics)) == (True, [])
    assert (bad.valid, [d.file for d in bad.diagnostics]) == (False, ["actions/a.yaml"])


@pytest.mark.parametrize(
    "path", ["../policies.yaml", "/etc/passwd", "a/../../b", "a//b", "", "a\nb"]
)
async def test_paths_stay_within_the_book(service: Service, path: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await RuleBookServiceStub(service.channel).CheckRuleBook(
            CheckRuleBookRequest(files={path: ""}), timeout=10
        )
    [field] = details(caught.value)
    assert field == f'files["{path}"]'


async def test_no_files_are_no_book(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await RuleBookServiceStub(service.channel).CheckRuleBook(CheckRuleBookRequest(), timeout=10)
    assert set(details(caught.value)) == {"files"}


async def test_the_child_process_finds_real_mistakes() -> None:
    found = await check_files(
        {"policies.yaml": "isues: {}\n", "attributes.yaml": "attributes: {}\n"}
    )
    assert any("isues" in d.message and d.severity is Severity.ERROR for d in found)
