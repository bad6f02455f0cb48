"""Words and functions of other languages that people write out of habit, and what to write instead."""

from collections.abc import Mapping
from typing import Final

CONSTANTS: Final[Mapping[str, str]] = {
    "true": "true", "yes": "true", "on": "true",
    "false": "false", "no": "false", "off": "false",
    "none": "null", "nil": "null", "null": "null", "undefined": "null",
}  # fmt: skip
"""By the word in small letters."""

OPERATORS: Final[Mapping[str, str]] = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "is": "==",
    "equals": "==",
    "between": "x >= 1 && x <= 9",
    **{
        word.lower(): f"x.{word}('...')"
        for word in ("contains", "startsWith", "endsWith", "matches")
    },
    "like": "x.contains('...'), x.startsWith('...') or x.matches('...')",
    "=": "==",
    "<>": "!=",
    "&": "&&",
    "|": "||",
    "=>": ">=",
    "=<": "<=",
    "===": "==",
    "!==": "!=",
    ">==": ">=",
    "<==": "<=",
    ":=": "==",
}

_ANY_CASE = "x.matches('(?i)...') to compare texts in any case"
_NULL = "x == null"
_LARGER = "a > b ? a : b"
_WHOLE = "int(x), which cuts off what stands behind the point"

FUNCTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("lower", "upper", "tolower", "toupper", "lcase", "ucase"), _ANY_CASE),
    **dict.fromkeys(("tolowercase", "touppercase", "lowerascii", "upperascii"), _ANY_CASE),
    **dict.fromkeys(("len", "length", "count"), "size(x)"),
    **dict.fromkeys(("isnull", "is_null", "isempty", "isblank"), _NULL),
    **dict.fromkeys(("coalesce", "ifnull", "nvl"), "x == null ? other : x"),
    **dict.fromkeys(("max", "greatest"), _LARGER),
    **dict.fromkeys(("min", "least"), "a < b ? a : b"),
    **dict.fromkeys(("round", "floor", "ceil", "trunc"), _WHOLE),
    **dict.fromkeys(("today", "current_date", "getdate"), "now"),
    **dict.fromkeys(("includes", "indexof"), "'a' in some.list, or some.text.contains('a')"),
    "abs": "x < 0 ? -x : x",
    "any": "some.list.exists(x, x == ...)",
    "between": OPERATORS["between"],
    "if": "condition ? one : other",
    "iif": "condition ? one : other",
    "like": OPERATORS["like"],
    "year": "now.getFullYear('Europe/Dublin')",
    "month": "now.getMonth('Europe/Dublin'), which counts from 0",
    "day": "now.getDate('Europe/Dublin')",
    "weeks": "days(7 * n)",
    "months": "days(30 * n)",
    "years": "days(365 * n)",
}
"""By the name in small letters."""
