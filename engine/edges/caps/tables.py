"""The tables of caps.db, and what a start reads from them.

`accounts` says how much may be in use; `shares` what each offer takes, of every cap a line, until it is
given back. Old lines of what was shown are added up in `accounts.settled`.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import orjson

from engine.caps.accounts import Account
from engine.caps.periods import Span
from engine.caps.vault import AccountKey, Charge, Share
from engine.edges.journal.database import insert_all
from engine.model import ActionId, DecisionId, Micros

TABLES: Final = """
CREATE TABLE IF NOT EXISTS accounts (
    cap TEXT NOT NULL, start INTEGER NOT NULL, ends INTEGER, drawn INTEGER NOT NULL,
    hold INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (cap, start)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shares (
    decision_id TEXT NOT NULL, action_id TEXT NOT NULL, cap TEXT NOT NULL, start INTEGER NOT NULL,
    units INTEGER NOT NULL, until INTEGER NOT NULL, shown INTEGER NOT NULL,
    PRIMARY KEY (decision_id, action_id, cap)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS shares_by_account ON shares (cap, start);
CREATE TABLE IF NOT EXISTS prices (cap TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
"""


class Kept(NamedTuple):
    """What a start finds.

    Attributes:
        seq: up to where in the journal responses have been counted.
        clean: whether the last process wrote everything before it ended.
        began: whether there was a file at all.
        closed_until: nothing is given out before this moment.
    """

    accounts: list[Account]
    shares: list[Share]
    prices: dict[str, Sequence[float]]
    seq: int
    clean: bool
    began: bool
    closed_until: Micros


def read(connection: sqlite3.Connection, now: Micros) -> Kept:
    """Everything that is kept. After a crash, what was drawn and is in no line counts as missing."""
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    clean = bool(meta.get("clean"))
    return Kept(
        accounts=list(_accounts(connection, now, clean=clean)),
        shares=list(_held(connection)),
        prices={
            cap: orjson.loads(state)
            for cap, state in connection.execute("SELECT cap, state FROM prices")
        },
        seq=meta.get("seq", 0),
        clean=clean,
        began="seq" in meta,
        closed_until=meta.get("closed_until", 0),
    )


def note(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Keeps a figure in `meta`."""
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def draw(
    connection: sqlite3.Connection, key: AccountKey, span: Span, units: int, hold: Micros
) -> None:
    """Up to `units` may be in use; never less than before."""
    connection.execute(
        "INSERT INTO accounts (cap, start, ends, drawn, hold) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET drawn = max(drawn, excluded.drawn), hold = excluded.hold",
        (key.cap, key.start, span.end, units, hold),
    )


def put(connection: sqlite3.Connection, share: Share, *, shown: bool) -> bool:
    """Keeps the lines of a share; True if any was not there before."""
    before = connection.total_changes
    insert_all(
        connection,
        "shares (decision_id, action_id, cap, start, units, until, shown)",
        [
            (share.decision_id, share.action_id, key.cap, key.start, units, share.until, shown)
            for key, units in share.charges
        ],
        "ON CONFLICT DO NOTHING",
    )
    return connection.total_changes > before


def confirm(connection: sqlite3.Connection, share: Share) -> None:
    """The lines of a share are of an offer that was shown."""
    connection.execute(
        "UPDATE shares SET shown = 1 WHERE decision_id = ? AND action_id = ?",
        (share.decision_id, share.action_id),
    )


def release(connection: sqlite3.Connection, share: Share) -> None:
    """The lines of a share are gone."""
    connection.execute(
        "DELETE FROM shares WHERE decision_id = ? AND action_id = ?",
        (share.decision_id, share.action_id),
    )


def forget(connection: sqlite3.Connection, key: AccountKey) -> None:
    """An account is gone, with all its lines."""
    for table in ("accounts", "shares"):
        connection.execute(f"DELETE FROM {table} WHERE cap = ? AND start = ?", key)  # noqa: S608  # names of ours


def keep_price(connection: sqlite3.Connection, cap: str, state: Sequence[float]) -> None:
    """Keeps what a price knows."""
    row = (cap, orjson.dumps(list(state)))
    connection.execute("INSERT OR REPLACE INTO prices (cap, state) VALUES (?, ?)", row)


def add_up(connection: sqlite3.Connection, before: Micros) -> None:
    """Adds up the lines of what was shown and held until `before`, and lets go of them.

    A response that still comes for such an offer counts it once more.
    """
    connection.execute(
        "UPDATE accounts SET settled = settled + (SELECT total(units) FROM shares s WHERE "
        "s.cap = accounts.cap AND s.start = accounts.start AND shown AND until < ?)",
        (before,),
    )
    connection.execute("DELETE FROM shares WHERE shown AND until < ?", (before,))


def _accounts(connection: sqlite3.Connection, now: Micros, *, clean: bool) -> Iterable[Account]:
    sums = {
        (cap, start): (shown, held)
        for cap, start, shown, held in connection.execute(
            "SELECT cap, start, sum(units * shown), sum(units * (1 - shown)) FROM shares "
            "GROUP BY cap, start"
        )
    }
    rows = connection.execute("SELECT cap, start, ends, drawn, hold, settled FROM accounts")
    for cap, start, ends, drawn, hold, settled in rows:
        shown, held = sums.get((cap, start), (0, 0))
        confirmed = shown + int(settled)
        yield Account(
            AccountKey(cap, start),
            Span(start, ends),
            confirmed=confirmed,
            reserved=held,
            missing=0 if clean else max(0, drawn - confirmed - held),
            missing_until=now + hold,
            drawn=drawn,
            asked=drawn,
        )


def _held(connection: sqlite3.Connection) -> Iterable[Share]:
    """The shares of offers that may yet be shown."""
    rows = connection.execute(
        "SELECT decision_id, action_id, cap, start, units, until FROM shares WHERE NOT shown "
        "ORDER BY decision_id, action_id"
    )
    charges: list[Charge] = []
    offer: tuple[DecisionId, ActionId, Micros] | None = None
    for decision_id, action_id, cap, start, units, until in rows:
        if offer is not None and offer != (decision_id, action_id, until):
            yield Share(offer[0], offer[1], tuple(charges), offer[2])
            charges = []
        offer = (decision_id, action_id, until)
        charges.append(Charge(AccountKey(cap, start), units))
    if offer is not None:
        yield Share(offer[0], offer[1], tuple(charges), offer[2])
