"""RuleBookService: which rules decide, and what is wrong with others before they go live."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final, TypeAlias, cast

from engine.challenger.plan import Part
from engine.edges.grpc.gate import Gate, Handler
from engine.edges.grpc.port import ChallengerStatus, Engine
from engine.errors import InvalidInput, Violation
from engine.rulebook.diagnostics import Diagnostic, Severity
from engine.rulebook.loosening import Loosening
from engine.wire.rulebook_pb2 import (
    AttributeInfo,
    Challenger,
    CheckRuleBookRequest,
    CheckRuleBookResponse,
    GetRuleBookStatusRequest,
    GetRuleBookStatusResponse,
    PlacementInfo,
)
from engine.wire.rulebook_pb2 import Diagnostic as DiagnosticMessage
from engine.wire.rulebook_pb2 import Loosening as LooseningMessage

SERVICE: Final = "attune.v1.RuleBookService"

CheckFiles: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Sequence[Diagnostic]]]
"""All mistakes and remarks about a rule book given as files, by path within it."""

_PARTS: Final = {
    Part.SHADOW: Challenger.PART_SHADOW,
    Part.SHARE: Challenger.PART_SHARE,
    Part.REPLACED: Challenger.PART_REPLACED,
}
_AT_ONCE: Final = 100  # conditions told of before the loop may turn to waiting decisions
_FILES: Final = 1_000
_PATH: Final = 200


class RuleBooks:
    """Tells of the book in force, and checks others without putting them in force."""

    def __init__(self, engine: Engine, gate: Gate, check: CheckFiles) -> None:
        self._engine = engine
        self._gate = gate
        self._check_files = check

    def handlers(self) -> Mapping[str, Handler]:
        """The methods by name, for registration."""
        unary = self._gate.unary
        return {
            "GetRuleBookStatus": unary("GetRuleBookStatus", GetRuleBookStatusRequest, self._status),
            "CheckRuleBook": unary("CheckRuleBook", CheckRuleBookRequest, self._check),
        }

    async def _status(self, _: GetRuleBookStatusRequest) -> GetRuleBookStatusResponse:
        book, status = self._engine.book, self._engine.rulebook_status
        response = GetRuleBookStatusResponse(
            last_load_error=map(_message, status.last_load_error),
            loads_accepted=status.accepted,
            loads_refused=status.refused,
        )
        if status.last_load_error_time:
            response.last_load_error_time.FromMicroseconds(status.last_load_error_time)
        if status.challenger is not None:
            response.challenger.CopyFrom(_challenger(status.challenger))
        if book is not None:
            response.active_version = book.version
            response.active_since.FromMicroseconds(status.active_since)
            for place, found in enumerate(status.loosened, 1):
                response.loosened.append(_loosening(found))
                if place % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            response.actions = len(book.actions)
            response.treatments = len(book.treatments)
            response.conditions = len(book.conditions)
            response.notices.extend(map(_message, book.notices))
            response.placements.extend(
                PlacementInfo(placement=p.placement_id, channel=p.channel, slots=p.slots)
                for p in book.placements.values()
            )
            response.attributes.extend(
                AttributeInfo(
                    name=a.name,
                    type=str(a.type),
                    values=a.values,
                    kept_from_events=a.source is not None,
                )
                for a in book.attributes
            )
        return response

    async def _check(self, request: CheckRuleBookRequest) -> CheckRuleBookResponse:
        if wrong := list(_misplaced(request.files)):
            raise InvalidInput(wrong)
        found = await self._check_files(dict(request.files))
        return CheckRuleBookResponse(
            valid=all(each.severity is not Severity.ERROR for each in found),
            diagnostics=map(_message, found),
        )


def _misplaced(files: Mapping[str, str]) -> Sequence[Violation]:
    if not 0 < len(files) <= _FILES:
        return [Violation("files", f"must hold 1 to {_FILES:,} files, not {len(files):,}")]
    return [
        Violation(
            f'files["{path}"]',
            "must be a path within the book, e.g. policies.yaml or actions/save.yaml",
        )
        for path in files
        if not _within(path)
    ]


def _within(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return (
        path == "/".join(parts) and 0 < len(path) <= _PATH and path.isprintable()
        and not path.startswith("/") and ".." not in parts and "\\" not in path
    )  # fmt: skip


def _challenger(status: ChallengerStatus) -> Challenger:
    return Challenger(
        name=status.name,
        part=_PARTS[Part(status.part)] if status.part else Challenger.PART_UNSPECIFIED,
        share=status.share,
        version=status.version,
        refused=status.refused,
    )


def _loosening(found: Loosening) -> LooseningMessage:
    return LooseningMessage(
        kind=cast("LooseningMessage.Kind.ValueType", found.kind),
        name=found.name,
        actions=found.actions,
        message=found.message,
        file=found.file,
        line=found.line,
        column=found.column,
    )


def _message(diagnostic: Diagnostic) -> DiagnosticMessage:
    return DiagnosticMessage(
        file=diagnostic.file,
        line=diagnostic.line,
        column=diagnostic.column,
        message=diagnostic.message,
        severity=cast("DiagnosticMessage.Severity.ValueType", diagnostic.severity),
    )
