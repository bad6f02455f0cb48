"""GoRules ZEN (`zen-engine`): the same conditions in its expression language."""

import importlib
import json
import re
from collections.abc import Iterator

from benchmarks.peers.contest import Contest
from benchmarks.peers.rules import WORK, rules


def contests() -> Iterator[Contest]:
    """Each condition an expression; all as one list, its best mode, on maps and on JSON; and on profiles."""
    zen, work = importlib.import_module("zen"), rules()
    texts = [in_zen(text) for text in work.texts]
    expressions = [zen.compile_expression(text) for text in texts]
    together = zen.compile_expression(f"[{', '.join(texts)}]")
    written = [json.dumps(known).encode() for known in work.maps]

    def each(customer: int) -> list[object]:
        known = work.maps[customer]
        return [expression.evaluate(known) for expression in expressions]

    def at_once(customer: int) -> object:
        return together.evaluate(work.maps[customer])

    def from_json(customer: int) -> object:
        return together.evaluate(written[customer])

    for mode, way in (("an expression each", each), ("one list", at_once), ("JSON", from_json)):
        yield Contest(f"GoRules ZEN, {mode}", WORK, work.ours, way, work.same, at_least=5)
    yield Contest(
        "GoRules ZEN, one list", f"{WORK} from a profile", work.from_profile, at_once, work.same
    )


def in_zen(text: str) -> str:
    """A condition of the benchmarks' workload in ZEN's words.

    >>> in_zen('usage.n1 < 5 || customer.age > 3 && !customer.complaint_open')
    'usage.n1 < 5 or customer.age > 3 and not customer.complaint_open'
    """
    return re.sub(r"!(?!=)", "not ", text.replace("||", "or").replace("&&", "and"))
