"""What a server of a cluster tells of an account that all servers share, and what it is told."""

from typing import NamedTuple

from engine.caps.periods import Span
from engine.caps.vault import AccountKey
from engine.model import ActionId, DecisionId, Micros


class Part(NamedTuple):
    """What one offer takes of one account, and until when without a sign of being shown."""

    decision_id: DecisionId
    action_id: ActionId
    units: int
    until: Micros


class Order(NamedTuple):
    """What one server tells of one account, and asks of it; at most one is under way at a time.

    Attributes:
        parts: offers made since the last order, out of what is lent.
        wanted: units the server would have at hand beyond those. What it has of more it gives back.
        least: units below which more at hand is of little use.
        ceiling: units that all servers together may have in use by now.
        hold: the longest that an offer keeps its share.
        demand: requests of this period that wanted some of it here.
        number: how many orders this server has made up of this account, this one included.
        heard: the number of the last one that was answered; 0 if none was.
    """

    key: AccountKey
    span: Span
    parts: tuple[Part, ...]
    wanted: int
    least: int
    ceiling: int
    hold: Micros
    demand: int
    number: int
    heard: int


class Standing(NamedTuple):
    """How a shared account stands behind an order. The first four in units.

    Attributes:
        shown: what was shown, of offers of any server.
        held: what was offered by any server and may yet be shown.
        lent: what other servers have at hand, or may have offered before they died.
        at_hand: what is lent to this server.
        wanted: whether a server found too little of it a moment ago.
        elsewhere: requests of this period that wanted some of it on other servers.
        late: offers shown after their share was given back.
        expired: offers whose share was given back for want of any sign that they were shown.
    """

    shown: int
    held: int
    lent: int
    at_hand: int
    wanted: bool
    elsewhere: int
    late: int
    expired: int
