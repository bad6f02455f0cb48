"""Following: the challenger's plan and rule book, loaded whenever either changes, or refused."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

import structlog

from engine.challenger.challenge import Challenge, Lease
from engine.challenger.plan import Plan
from engine.edges.rules.compiler import Compile
from engine.edges.rules.kept import CHALLENGER, archive, keep_files
from engine.edges.rules.plan_file import PLAN, read_plan
from engine.edges.rules.watch import Look, Watch, look, look_at
from engine.errors import StorageError
from engine.rulebook.loaded import Loaded
from engine.rulebook.snapshot import STOPS
from engine.running.reload import PATIENCE, RETRY, TOLD
from engine.settings import Settings

log = structlog.get_logger(__name__)


class Contested(Protocol):
    """What a challenger can be put beside."""

    challenge_wanted: asyncio.Event

    async def challenge(self, challenge: Challenge | None) -> Sequence[str]:
        """Has a challenger play the part its plan says, in place of the one before; None ends it.

        Returns why it cannot, and then nobody challenges; () if it does.

        Raises:
            StorageError: what it needs could not be written; all is as it was.
        """

    def warn(self, why: Sequence[str]) -> None:
        """Notes why the challenger does not play the part that is planned for it; () if it does."""


@asynccontextmanager
async def challenging(
    contested: Contested, settings: Settings, compiled: Compile
) -> AsyncIterator[None]:
    """Within, whoever the plan in `settings.data` names challenges; from the first moment on.

    Nothing in the plan or in the challenger's files, and no failure to load them, ends this or the
    service: a challenger that cannot be loaded does not decide, and one that could goes on as it was.
    """
    follower = _Follower(contested, settings, compiled)
    await follower.follow()
    loop, wanted = asyncio.get_running_loop(), contested.challenge_wanted
    watch = Watch(follower.looks, follower.seen, lambda: loop.call_soon_threadsafe(wanted.set))
    task = asyncio.create_task(_run(follower, wanted))
    try:
        yield
    finally:
        await asyncio.to_thread(watch.stop)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _run(follower: "_Follower", wanted: asyncio.Event) -> None:
    good = True
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(None if good else RETRY):
                await wanted.wait()
        wanted.clear()
        good = await follower.follow()


class _Follower:
    """What is known of the plan and of the challenger's files."""

    def __init__(self, contested: Contested, settings: Settings, compiled: Compile) -> None:
        self._contested = contested
        self._data = settings.data
        self._watched = settings.watch
        self._compiled = compiled
        self._plan: Plan | None = None
        self._file: Look = ()
        self._files: Look = ()
        self._loaded: Challenge | None = None
        self._good: Mapping[str, bytes] = {}
        self._warned: tuple[str, ...] = ()

    @property
    def seen(self) -> Look:
        """How the same looked before it was last read."""
        return (*self._file, *(self._files if self._watched else ()))

    def looks(self) -> Look:
        """How the plan's file and, where they are watched, the challenger's look now."""
        plan = self._plan
        files = look(Path(plan.rules)) if plan is not None and self._watched else ()
        return (look_at(self._data / PLAN), *files)

    async def follow(self) -> bool:
        """One attempt to have the challenger play its part; whether there is nothing to be mended."""
        try:
            why = await self._followed()
        except Exception as error:  # whatever it is, who decides goes on deciding
            if not isinstance(error, StorageError):
                log.exception("challenger.fault")
            why = (str(error),)
        self._contested.warn(why)
        if why and why != self._warned:
            for each in why[:TOLD]:
                log.error("challenger.refused", name=self._plan and self._plan.name, why=each)
        self._warned = why
        return not why

    async def _followed(self) -> tuple[str, ...]:
        self._file = (await asyncio.to_thread(look_at, self._data / PLAN),)
        plan = await asyncio.to_thread(read_plan, self._data)
        before, self._plan = self._plan, plan
        if plan is None:
            self._loaded, self._files = None, ()
            if before is not None:
                await self._put(None)
                log.info("challenger.gone", name=before.name)
            return ()
        mistakes = await self._load(plan)
        if self._loaded is None:
            await self._put(None)
            return mistakes
        challenge = Challenge(plan, self._loaded.book, self._loaded.lease)
        self._loaded = challenge
        obstacles = await self._put(challenge)
        if not obstacles and (plan != before or self._warned):
            log.info(
                "challenger.in_force", name=plan.name, part=str(plan.part), share=plan.share,
                version=challenge.book.version,
            )  # fmt: skip
        return (*mistakes, *obstacles)

    async def _put(self, challenge: Challenge | None) -> Sequence[str]:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._contested.challenge(challenge)
        except TimeoutError:
            raise StorageError(f"the journal has not answered for {PATIENCE:.0f} seconds") from None

    async def _load(self, plan: Plan) -> tuple[str, ...]:
        """Loads the challenger's book if its files are others than before; what is wrong with them.

        One that was good goes on where the files of the same challenger are not.
        """
        loaded, rules = self._loaded, Path(plan.rules)
        same = loaded is not None and (loaded.plan.name, loaded.plan.rules) == (
            plan.name,
            plan.rules,
        )
        if not same:
            self._loaded, self._files = None, ()
        files = await asyncio.to_thread(look, rules)
        if same and files == self._files and not self._warned:
            return ()
        found = await self._compiled(rules)
        self._files = files
        mistakes = _told(found, rules)
        if found.book is None and same:
            found = await self._stopped(rules) or found
        if found.book is None:
            return mistakes
        if loaded is None or not same or loaded.book.version != found.book.version:
            await asyncio.to_thread(archive, self._data, found.book.version, found.files)
            self._loaded = Challenge(plan, found.book, Lease(found.book))
            self._good = found.files
        return mistakes

    async def _stopped(self, rules: Path) -> Loaded | None:
        """The last good book with the emergency stops in the files; None if there are no others."""
        stops = rules / STOPS
        kept = await asyncio.to_thread(keep_files, self._data, self._good, stops, CHALLENGER)
        return None if kept is None else await self._compiled(kept)


def _told(found: Loaded, rules: Path) -> tuple[str, ...]:
    return tuple(f"{rules / e.file}:{e.line}:{e.column}: {e.message}" for e in found.errors)
