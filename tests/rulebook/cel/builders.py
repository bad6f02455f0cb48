"""A small world of attributes to write expressions about, and short ways to run them."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.model import UNKNOWN
from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.cel import Environment, Expect, Expression, Problem, generate, load

INT, DOUBLE, STRING, BOOL = Type(Kind.INT), Type(Kind.DOUBLE), Type(Kind.STRING), Type(Kind.BOOL)
TIMESTAMP, DURATION = Type(Kind.TIMESTAMP), Type(Kind.DURATION)

_DECLARED: Mapping[str, dict[str, Any]] = {
    "customer.age": {"type": INT},
    "customer.segment": {"type": STRING, "values": ("mass", "premium", "vip")},
    "customer.birth_date": {"type": TIMESTAMP, "nullable": True},
    "customer.score": {"type": DOUBLE},
    "customer.children": {"type": INT, "nullable": True},
    "customer.name": {"type": STRING, "nullable": True},
    "consent.marketing": {"type": BOOL},
    "consent.channels": {"type": Type(Kind.LIST, STRING)},
    "interests": {"type": Type(Kind.LIST, STRING), "nullable": True},
    "events.calls": {"type": Type(Kind.MAP, INT)},
    "request.channel": {"type": STRING, "values": ("web", "app", "ivr")},
    "request.waited": {"type": DURATION},
    "now": {"type": TIMESTAMP},
}
ATTRIBUTES = tuple(Attribute(i, name, **facts) for i, (name, facts) in enumerate(_DECLARED.items()))
ENVIRONMENT = Environment(ATTRIBUTES)
NOON = 1_795_176_000_000_000
"""2026-11-20T12:00:00Z, a Friday."""
KNOWN: Mapping[str, Any] = {
    "customer.age": 30,
    "customer.segment": "vip",
    "customer.birth_date": None,
    "customer.score": 0.5,
    "customer.children": 2,
    "customer.name": None,
    "consent.marketing": True,
    "consent.channels": ("web", "app"),
    "interests": None,
    "events.calls": {"dropped": 3},
    "request.channel": "web",
    "request.waited": 90_000_000,
    "now": NOON,
}


def values(missing: Sequence[str] = (), **changed: Any) -> list[Any]:
    """All attributes' values: `KNOWN`, but `a__b` for `a.b` as given, and some missing."""
    given = {**KNOWN, **{name.replace("__", "."): value for name, value in changed.items()}}
    return [UNKNOWN if a.name in missing else given[a.name] for a in ATTRIBUTES]


def compiled(text: str, expect: Expect = Expect.BOOL) -> Expression:
    expression = ENVIRONMENT.compile(text, expect)
    assert isinstance(expression, Expression), expression
    return expression


def problems(text: str, expect: Expect = Expect.BOOL) -> list[tuple[int, str]]:
    result = ENVIRONMENT.compile(text, expect)
    assert isinstance(result, tuple), f"accepted: {text}"
    assert all(isinstance(p, Problem) for p in result)
    return [(p.offset, p.message) for p in result]


def truths(*texts: str, missing: Sequence[str] = (), **changed: Any) -> tuple[bool | None, ...]:
    defined: Any = load(generate([compiled(t) for t in texts], []))
    return tuple(defined["conditions_of"](values(missing, **changed)))


def truth(text: str, missing: Sequence[str] = (), **changed: Any) -> bool | None:
    return truths(text, missing=missing, **changed)[0]


def number(text: str, missing: Sequence[str] = (), **changed: Any) -> float | None:
    defined: Any = load(generate([], [compiled(text, Expect.NUMBER)]))
    (answered,) = defined["numbers_of"](values(missing, **changed))
    assert answered is None or type(answered) is float
    return answered
