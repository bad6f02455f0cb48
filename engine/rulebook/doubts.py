"""Numbers and texts that are valid and were probably meant otherwise: what `attune check` remarks."""

import re
from collections.abc import Container, Iterator
from typing import Final

from engine.rulebook.fields import Fields
from engine.rulebook.nodes import Scalar
from engine.rulebook.report import Place, Report

_SMALL: Final = 3.0
_GROUPED: Final = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}", re.ASCII)
_MERGED: Final = re.compile(
    r"\[\[?\s*(?P<square>[\w.]+)\s*\]?\]|<<?\s*(?P<angle>[\w.]+)\s*>?>|%(?P<percent>[\w.]+)%"
)


def remark_fraction(percent: object, place: Place, report: Report) -> None:
    """Remarks a percentage that looks like a fraction or a factor: 0.2 for 20 %, 1.5 for 150 %."""
    if isinstance(percent, float) and abs(percent) < _SMALL and not percent.is_integer():
        said = f"this is {percent:g} %: a fifth more is written 20, and half as much again 50"
        report.notice(f"percent {place}", place, said)


def remark_thousands(fields: Fields, key: str) -> None:
    """Remarks an amount such as 10.000, which is ten and may be meant as ten thousand."""
    node = fields.node(key)
    if isinstance(node, Scalar) and not node.style and _GROUPED.fullmatch(node.text):
        plain = node.text.replace(".", "")
        said = f"{node.text} is {float(node.text):g}: write {plain} if thousands are meant"
        fields.report.notice(f"thousands {node.place}", node.place, said)


def merged_names(text: str, declared: Container[str]) -> Iterator[tuple[int, str, str]]:
    """Attributes named in a text as mail merge names them: where, what is written, and which.

    >>> list(merged_names("Dear [customer.name], 50 % [off]", {"customer.name"}))
    [(5, '[customer.name]', 'customer.name')]
    """
    for found in _MERGED.finditer(text):
        name = next(filter(None, found.groups()))
        if name in declared:
            yield found.start(), found[0], name
