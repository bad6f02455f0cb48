"""What the gRPC edge asks of the engine behind it, and nothing more."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from engine.model import (
    Customer,
    CustomerId,
    Decision,
    EventResult,
    IncomingEvent,
    Micros,
    ProfileUpdate,
    Question,
)
from engine.rulebook.book import RuleBook
from engine.rulebook.diagnostics import Diagnostic
from engine.rulebook.loosening import Loosening
from engine.settings import Settings
from engine.stopwatch import Stopwatch
from engine.triggers.outbox import Left


@dataclass(frozen=True, slots=True)
class ChallengerStatus:
    """How another rule book beside the champion stands.

    `name` is empty if its plan cannot be read; `part` (`engine.challenger.plan.Part`) and `version` are
    empty while it does not decide. `share` in [0, 1] is that of customers it decides for; `refused` says
    why it does not decide as planned, or not by its latest files.
    """

    name: str
    part: str
    share: float
    version: str
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleBookStatus:
    """How the rule book in force came to be.

    Attributes:
        active_since: when the active book took over; 0 if there is none.
        last_load_error: every mistake of the last attempt to load another book; empty if it worked.
        last_load_error_time: when that attempt failed; 0 if it did not.
        loosened: what the active book no longer asks, compared with the one it took over from.
        accepted: books put in force since the start, the first included.
        refused: attempts to load that failed.
        challenger: another book beside the one in force, or in its place; None if there is none.
    """

    active_since: Micros = 0
    last_load_error: tuple[Diagnostic, ...] = ()
    last_load_error_time: Micros = 0
    loosened: tuple[Loosening, ...] = ()
    accepted: int = 0
    refused: int = 0
    challenger: ChallengerStatus | None = None


Outcome: TypeAlias = tuple[Decision, bytes] | bytes | BaseException
"""What comes of a question: a decision and its token, the reply already given to it, or an error."""


class Inquiring(Protocol):
    """A question that cannot be answered at once."""

    def begin(self, told: Callable[[Outcome], None], /) -> None:
        """Has `told` what comes of it, once, by the deadline: at once, or in the turn in which it is known."""

    def leave(self) -> None:
        """Nobody waits any more: `told` is not called, and nothing is decided."""


class Engine(Protocol):
    """One running engine. All calls come from one event loop; any of them may raise StorageError."""

    @property
    def stopwatch(self) -> Stopwatch:
        """When the last decision came from one stage to the next, by the clock of `deadline`."""

    @property
    def book(self) -> RuleBook | None:
        """The rule book in force; another object after a reload, None before the first load."""

    @property
    def rulebook_status(self) -> RuleBookStatus:
        """Since when it is in force, and what became of the last reload."""

    def reload_soon(self) -> None:
        """Has the rule book's files loaded again, changed or not; returns at once."""

    def decide_now(
        self, question: Question, deadline: float
    ) -> tuple[Decision, bytes] | bytes | None:
        """What `inquire` leads to where nothing has to be waited for; None if something has to be."""

    def keep(self, request_id: str, reply: bytes) -> None:
        """Keeps the serialized reply to a request that has an id, for when the request comes again."""

    def inquire(self, question: Question, deadline: float) -> Inquiring:
        """The decision and its sealed token (b"" if no offer can be responded to), to be waited for.

        A request that was answered before gets the very reply that was given to `keep`.

        Args:
            question: valid against `book`.
            deadline: `time.monotonic()` seconds by which the answer must be on its way.

        Raises, or ends with:
            RequestConflict: the request id has been used for another question.
            UnknownPlacement: another book took over meanwhile, which does not have the placement.
            NoRuleBook: nothing has been loaded yet.
            Overloaded: more is asked than can be answered.
        """

    def offers(self, position: int, *, only_kept: bool) -> AsyncGenerator[Left, None]:
        """What triggers offered, behind a position, in order; then, unless `only_kept`, each as it comes.

        Raises:
            NotFound: it is published elsewhere.
            OutOfRange: the position is beyond the newest; says so with the first message asked for.
        """

    async def record(self, events: Sequence[IncomingEvent]) -> list[EventResult]:
        """One result for each event, in order; an accepted event is on disk."""

    async def put(self, updates: Sequence[ProfileUpdate]) -> None:
        """Writes the profiles; on disk when it returns."""

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """A customer with their interaction history; None if nobody has heard of them."""


OpenEngine: TypeAlias = Callable[[Settings], AbstractAsyncContextManager[Engine]]
"""Opens the engine over its data directory, and closes it in order."""
