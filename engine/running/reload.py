"""Reload: the rule book follows its files; while they hold a broken one, the last good one decides."""

import asyncio
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog

from engine.edges.rules.compiler import Compile
from engine.edges.rules.kept import archive, keep, keep_stopped, kept_in, read_kept
from engine.edges.rules.watch import Look, Watch, look
from engine.errors import BrokenRuleBook, StorageError
from engine.rulebook.book import RuleBook
from engine.rulebook.compile import refused
from engine.rulebook.diagnostics import Diagnostic
from engine.rulebook.loaded import Loaded
from engine.rulebook.loosening import Loosening, loosened
from engine.rulebook.snapshot import STOPS, Snapshot
from engine.running.slices import giving_way
from engine.settings import Settings

RETRY: Final = 60.0
"""Seconds after which files that were refused are tried again, though nobody touched them."""

PATIENCE: Final = 10.0
"""Seconds the journal has to take in what a book needs before the attempt counts as failed."""

TOLD: Final = 20
"""Mistakes, and conditions loosened, told one by one in the log; the status of the rule book tells all."""

NAMED: Final = 100
"""What is no longer asked, named in one line of the log."""

log = structlog.get_logger(__name__)


class Serving(Protocol):
    """What is decided by a book, and can go over to another."""

    reload_wanted: asyncio.Event

    @property
    def champion(self) -> RuleBook:
        """The book the files had last that could be put in force; a challenger may have replaced it."""

    async def adopt(self, book: RuleBook, found: Sequence[Loosening]) -> None:
        """Puts another book in its place, whole and at once; decisions under way keep theirs.

        Raises:
            StorageError: what the book needs could not be written; the one in force goes on.
        """

    def refuse(self, errors: Sequence[Diagnostic]) -> bool:
        """Notes why the files are not in force; False if it was known already."""

    def confirm(self) -> None:
        """Notes that the book in force is the one in the files."""


@dataclass(frozen=True, slots=True)
class First:
    """The book a service starts with.

    `refused` are the mistakes in the files where it is not theirs but the last good one, `found` what
    it no longer asks, compared with the book of the last run.
    """

    loaded: Loaded
    book: RuleBook
    refused: tuple[Diagnostic, ...] = ()
    found: tuple[Loosening, ...] = ()


async def first_book(settings: Settings, compiled: Compile) -> First:
    """The book in the files, or, if these are broken and `settings.last_good` says so, the last good one.

    Raises:
        BrokenRuleBook: the files have mistakes, and nothing else is to be served.
    """
    compiled = partial(compiled, at_once=True)
    loaded, kept = await compiled(settings.rules), kept_in(settings.data)
    if loaded.book is not None:
        before = await _before(kept, loaded.book.version, compiled) if kept else None
        found = await asyncio.to_thread(loosened, before, loaded.book) if before else ()
        await asyncio.to_thread(tell, found)
        return First(loaded, loaded.book, found=found)
    last = None
    if kept and settings.last_good:
        last = await _stopped(settings, compiled) or await compiled(kept)
    if last is None or last.book is None:
        raise BrokenRuleBook(loaded.diagnostics)
    complain(loaded.errors, last.book.version)
    return First(last, last.book, refused=loaded.errors)


async def _before(kept: Path, version: str, compiled: Compile) -> RuleBook | None:
    """The book of the last run, if it was another one than this version."""
    try:
        files = await asyncio.to_thread(read_kept, kept)
    except (OSError, zipfile.BadZipFile) as error:
        log.warning("rulebook.kept_unreadable", path=str(kept), error=str(error))
        return None
    return None if Snapshot(files).version == version else (await compiled(kept)).book


async def _stopped(settings: Settings, compiled: Compile) -> Loaded | None:
    """The last good book with the emergency stops in the files, which take effect whatever else is broken.

    None if there is nothing to be stopped that is not stopped already, or that cannot be done.
    """
    try:
        book = await asyncio.to_thread(keep_stopped, settings.data, settings.rules / STOPS)
        stopped = None if book is None else await compiled(book)
    except (OSError, zipfile.BadZipFile) as error:
        log.warning("rulebook.not_stopped", error=str(error))
        return None
    return None if stopped is None or stopped.book is None else stopped


async def remember(settings: Settings, version: str, files: Mapping[str, bytes]) -> None:
    """Keeps the files of the book in force; that this fails is logged and stops nothing."""
    try:
        await asyncio.to_thread(keep, settings.data, files)
        await asyncio.to_thread(archive, settings.data, version, files)
    except OSError as error:
        log.warning("rulebook.not_kept", error=str(error))


@asynccontextmanager
async def following(
    serving: Serving, settings: Settings, compiled: Compile, before: Look
) -> AsyncIterator[None]:
    """Within, the book in force follows its files, and every `serving.reload_wanted`.

    `before` is how the files looked before they were loaded for the first time. Nothing that is in
    them, and no failure to load them, ends this or the service.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(_follow(serving, settings, compiled))
    watch = None
    if settings.watch:
        wanted = serving.reload_wanted.set
        watch = Watch(
            partial(look, settings.rules), before, lambda: loop.call_soon_threadsafe(wanted)
        )
    try:
        yield
    finally:
        if watch is not None:
            watch.stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow(serving: Serving, settings: Settings, compiled: Compile) -> None:
    """Loads whenever that is wanted, one book after the other; at once where somebody stops something."""
    wanted, good = serving.reload_wanted, True
    stops = await asyncio.to_thread(_stops_of, settings.rules)
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(None if good else RETRY):
                await wanted.wait()
        wanted.clear()
        before, stops = stops, await asyncio.to_thread(_stops_of, settings.rules)
        how: Compile = partial(compiled, at_once=True)
        if stops == before:
            how = partial(_hurried, compiled, serving, settings.rules, stops)
        good = await _load(serving, settings, how)


async def _hurried(
    compiled: Compile,
    serving: Serving,
    rules: Path,
    stops: bytes,
    book: Path,
    *,
    at_once: bool = False,
) -> Loaded:
    """The book compiled beside decisions; anew and at once if somebody stops something meanwhile.

    `stops` is the file of stops in `rules` as it was. What else changes meanwhile is left to the next attempt.
    """
    wanted, again = serving.reload_wanted, False
    compiling = asyncio.ensure_future(compiled(book, at_once=at_once))
    try:
        while not compiling.done():
            heard = asyncio.ensure_future(wanted.wait())
            try:
                await asyncio.wait([compiling, heard], return_when=asyncio.FIRST_COMPLETED)
            finally:
                heard.cancel()
            if wanted.is_set() and not compiling.done():
                wanted.clear()
                again = True
                if await asyncio.to_thread(_stops_of, rules) != stops:
                    return await compiled(book, at_once=True)
        return await compiling
    finally:
        compiling.cancel()
        await asyncio.wait([compiling])
        if again:
            wanted.set()


def _stops_of(rules: Path) -> bytes:
    """The file of emergency stops; empty if there is none, or it cannot be read."""
    try:
        return (rules / STOPS).read_bytes()
    except OSError:
        return b""


async def _load(serving: Serving, settings: Settings, compiled: Compile) -> bool:
    """One attempt; whether the book in the files is in force after it."""
    taken = None
    try:
        loaded = await compiled(settings.rules)
        errors = loaded.errors
        if loaded.book is None:
            loaded = await _stopped(settings, compiled) or loaded
        if loaded.book is not None and await _take_over(serving, loaded.book):
            taken = loaded.book.version, loaded.files
    except Exception as error:  # whatever it is, the book in force goes on deciding
        log.exception("rulebook.fault")
        errors = refused(f"the book could not be put in force: {error}").errors
    if errors and serving.refuse(errors):
        complain(errors, serving.champion.version)
    if taken is not None:
        await remember(settings, *taken)
    return not errors


async def _take_over(serving: Serving, book: RuleBook) -> bool:
    """Whether it was another book than the one in force."""
    before = serving.champion
    if book.version == before.version:
        log.info("rulebook.unchanged", version=book.version)
        serving.confirm()
        return False
    found = await asyncio.to_thread(loosened, before, book, giving_way())
    await asyncio.to_thread(tell, found)
    try:
        async with asyncio.timeout(PATIENCE):
            await serving.adopt(book, found)
    except TimeoutError:
        raise StorageError(f"the journal has not answered for {PATIENCE:.0f} seconds") from None
    log.info(
        "rulebook.in_force", version=book.version, before=before.version,
        actions=len(book.actions), loosened=len(found),
    )  # fmt: skip
    return True


def tell(found: Sequence[Loosening]) -> None:
    """Lists by name what is no longer asked, before the book goes live; of `TOLD` it says what became of them.

    A line for each of thousands would take longer than all else that a reload does in this process.
    """
    for each in found[:TOLD]:
        log.warning(
            "rulebook.loosened", kind=each.kind.name.lower(), name=each.name,
            actions=len(each.actions), message=str(each),
        )  # fmt: skip
    for first in range(TOLD, len(found), NAMED):
        names = [f"{each.name}: {', '.join(each.actions)}" for each in found[first : first + NAMED]]
        log.warning(
            "rulebook.loosened_too", number=len(names), names=names, see="GetRuleBookStatus"
        )


def complain(errors: Sequence[Diagnostic], serving: str) -> None:
    """Tells in the log why the files are not in force, `TOLD` mistakes at most, and which version is."""
    log.error("rulebook.refused", mistakes=len(errors), still_serving=serving)
    for each in errors[:TOLD]:
        log.error(
            "rulebook.mistake", place=f"{each.file}:{each.line}:{each.column}", message=each.message
        )
    if len(errors) > TOLD:
        log.error("rulebook.mistakes_left_out", number=len(errors) - TOLD, see="attune check")
