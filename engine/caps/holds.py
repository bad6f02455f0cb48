"""For how long an offer keeps its share of each cap: whoever lost sight of offers waits for that."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from engine.model import Micros
from engine.rulebook.cap import Cap


def holds(caps: Iterable[Cap]) -> Mapping[str, Micros]:
    """By `Cap.key` the longest that an offer keeps its share of it without a sign that it was shown.

    An offer keeps what it takes of all its caps for as long as the longest of them says, so a cap's is that
    of whatever cap it has a treatment in common with.
    """
    known = list(caps)
    longest: dict[int, Micros] = defaultdict(int)
    for cap in known:
        for treatment in cap.treatments:
            longest[treatment] = max(longest[treatment], cap.hold)
    return {
        cap.key: max([cap.hold, *(longest[treatment] for treatment in cap.treatments)])
        for cap in known
    }
