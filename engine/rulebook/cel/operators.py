"""Generated code for operators: logic in three values, comparison, arithmetic, membership, index."""

from collections.abc import Sequence
from dataclasses import replace

from engine.rulebook.cel import clock
from engine.rulebook.cel.code import Code, Scope, deeper
from engine.rulebook.cel.shapes import boxed
from engine.rulebook.cel.tree import BOOL, DOUBLE, DURATION, DYN, INT, TIMESTAMP, Call, CelType
from engine.rulebook.cel.values import INT_MAX, INT_MIN, UINT_MAX

EXACT = 2**53
"""Below this, ints and doubles compare the same by value as after conversion to double."""

_ORDER = {"_<_": "less", "_<=_": "less_equal", "_>_": "greater", "_>=_": "greater_equal"}
_EQUALITY = {"_==_", "_!=_"}
_ARITHMETIC = {"_+_", "_-_", "_*_", "_/_", "_%_"}
_NUMBERS = {"int", "uint", "double"}
_SCALARS = {"bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration", "type"}

INT_BOUNDS = f"{INT_MIN}, {INT_MAX}"
UINT_BOUNDS = f"0, {UINT_MAX}"
TIMESTAMP_BOUNDS = f"{clock.FIRST_TIMESTAMP}, {clock.LAST_TIMESTAMP}"
DURATION_BOUNDS = f"{-clock.LONGEST_DURATION}, {clock.LONGEST_DURATION}"

_BOUNDS = {
    "int": INT_BOUNDS,
    "uint": UINT_BOUNDS,
    "timestamp": TIMESTAMP_BOUNDS,
    "duration": DURATION_BOUNDS,
}
TIMES = {
    ("_+_", "timestamp", "duration"): TIMESTAMP,
    ("_+_", "duration", "timestamp"): TIMESTAMP,
    ("_+_", "duration", "duration"): DURATION,
    ("_-_", "timestamp", "timestamp"): DURATION,
    ("_-_", "timestamp", "duration"): TIMESTAMP,
    ("_-_", "duration", "duration"): DURATION,
}
"""What adding and subtracting times and lengths of time gives, by operator and kinds of operand."""


def kind(type_: CelType) -> str:
    """The name of a type, of what it wraps if it is nullable."""
    return type_.parameters[0].name if type_.name == "wrapper" else type_.name


def logic(scope: Scope, function: str, operands: Sequence[Code]) -> Code:
    """Kleene's `&&` and `||` over any number of truths."""
    sure = [c.body for c in operands if not c.fallible]
    fallible = [c for c in operands if c.fallible]
    word = " and " if function == "_&&_" else " or "
    depth = deeper(operands)
    if not fallible:
        return scope.settled(Code(f"({word.join(sure)})", BOOL, depth=depth))
    if len(fallible) == 1:
        rest = fallible[0].value
    else:
        rest = _both(scope, fallible) if function == "_&&_" else _either(scope, fallible)
    name = scope.temporary()
    body = word.join([*sure, rest]) if sure else rest
    return scope.settled(Code(name, BOOL, (f"({name} := ({body})) is None",), depth=depth + 1))


def _named(scope: Scope, operands: Sequence[Code]) -> list[tuple[str, str]]:
    """For each truth: how to evaluate it first, and what it is called after."""
    pairs = []
    for code in operands:
        value = code.value
        name = value if value.isidentifier() else scope.temporary()
        pairs.append((value if value == name else f"({name} := {value})", name))
    return pairs


_FEW = 3
"""Truths at hand that are told apart one by one, which is faster, and longer with each."""


def _both(scope: Scope, operands: Sequence[Code]) -> str:
    pairs = _named(scope, operands)
    if len(pairs) <= _FEW and all(first == name for first, name in pairs):
        return _both_at_hand([name for _, name in pairs])
    false = " or ".join(f"{first} is False" for first, _ in pairs)
    return f"(False if {false} else {' and '.join(name for _, name in pairs)})"


def _both_at_hand(names: Sequence[str]) -> str:
    """Kleene's `&&` of locals: the first is true, so the rest says; else the rest says only false."""
    first, *rest = names
    if not rest:
        return first
    false = " or ".join(f"{name} is False" for name in rest)
    return f"({_both_at_hand(rest)} if {first} else False if {false} else {first})"


def _either(scope: Scope, operands: Sequence[Code]) -> str:
    pairs = _named(scope, operands)
    true = " or ".join(first for first, _ in pairs)
    unknown = " or ".join(f"{name} is None" for _, name in pairs)
    return f"({true} or (None if {unknown} else False))"


def operation(scope: Scope, node: Call, operands: Sequence[Code]) -> Code | None:
    """The code of an operator, None if the function is not one."""
    function = node.function
    if function in _EQUALITY:
        return _equality(scope, function, *operands)
    if function in _ORDER:
        return _order(scope, function, *map(scope.known, operands))
    if function in _ARITHMETIC:
        return _arithmetic(scope, node, *map(scope.known, operands))
    match function:
        case "!_":
            operand = scope.known(operands[0])
            if kind(operand.type) == "bool":
                return scope.sure(f"(not {operand.body})", BOOL, [operand])
            operand = boxed(scope, operand)
            truth = scope.checked(f"bool_of({operand.body})", BOOL, [operand])
            return scope.sure(f"(not {truth.body})", BOOL, [truth])
        case "-_":
            return _negative(scope, node, scope.known(operands[0]))
        case "@in":
            return _membership(scope, *operands)
        case "_[_]":
            return _index(scope, node, *map(scope.known, operands))
        case _:
            return None


def _equality(scope: Scope, function: str, a: Code, b: Code) -> Code:
    kinds = {kind(a.type), kind(b.type)}
    sign = function.strip("_")
    if "null" in kinds and (a.body == "NULL" or b.body == "NULL"):
        other = a if b.body == "NULL" else b
        test = "is" if sign == "==" else "is not"
        body = f"({other.body} {test} NULL)" if other.null else str(sign == "!=")
        return scope.sure(body, BOOL, [other])
    if len(kinds) == 1 and kinds <= _SCALARS:
        return scope.sure(f"({a.body} {sign} {b.body})", BOOL, [a, b])
    if kinds <= _NUMBERS and not a.null and not b.null:
        a, b = _comparable(a, b)
        return scope.sure(f"({a.body} {sign} {b.body})", BOOL, [a, b])
    if a.type != b.type:
        a, b = boxed(scope, a), boxed(scope, b)
    negated = "not " if sign == "!=" else ""
    return scope.sure(f"({negated}equal({a.body}, {b.body}))", BOOL, [a, b])


def _comparable(a: Code, b: Code) -> tuple[Code, Code]:
    """Two numbers so that Python compares them as CEL does: an int beside a double as double."""
    if "double" not in {kind(a.type), kind(b.type)} or kind(a.type) == kind(b.type):
        return a, b
    if any(c.literal and abs(float(c.body.strip("()"))) < EXACT for c in (a, b)):
        return a, b
    return _as_double(a), _as_double(b)


def _as_double(code: Code) -> Code:
    if kind(code.type) == "double":
        return code
    if code.literal:
        text = repr(float(code.body.strip("()")))
        return replace(code, body=f"({text})" if text[0] == "-" else text, type=DOUBLE)
    return replace(code, body=f"float({code.body})", type=DOUBLE, depth=code.depth + 1)


def _order(scope: Scope, function: str, a: Code, b: Code) -> Code:
    kinds = {kind(a.type), kind(b.type)}
    if kinds <= _NUMBERS:
        a, b = _comparable(a, b)
    elif len(kinds) > 1 or not kinds <= _SCALARS:
        a, b = boxed(scope, a), boxed(scope, b)
        return scope.checked(f"{_ORDER[function]}({a.body}, {b.body})", BOOL, [a, b])
    return scope.sure(f"({a.body} {function.strip('_')} {b.body})", BOOL, [a, b])


def _arithmetic(scope: Scope, node: Call, a: Code, b: Code) -> Code:
    function, sign = node.function, node.function.strip("_")
    left, right = kind(a.type), kind(b.type)
    if (time := TIMES.get((function, left, right))) is not None:
        return scope.within(f"{a.body} {sign} {b.body}", time, [a, b], _BOUNDS[time.name])
    if left == right and left in {"int", "uint"}:
        return _integers(scope, function, a, b)
    if {left, right} in ({"double"}, {"int", "double"}, {"uint", "double"}) and sign != "%":
        return _doubles(scope, sign, _as_double(a), _as_double(b))
    if left == right and sign == "+" and left in {"string", "bytes"}:
        return scope.sure(f"({a.body} + {b.body})", a.type, [a, b])
    if left == right == "list" and sign == "+" and a.type == b.type:
        return scope.sure(f"(*{a.body}, *{b.body})", a.type, [a, b])
    a, b = boxed(scope, a), boxed(scope, b)
    null = left == right == "list"
    return scope.checked(f"arithmetic({sign!r}, {a.body}, {b.body})", node.type, [a, b], null=null)


def _integers(scope: Scope, function: str, a: Code, b: Code) -> Code:
    if function in {"_/_", "_%_"}:
        name = "quotient" if function == "_/_" else "remainder"
        return scope.checked(f"{name}({a.body}, {b.body})", a.type, [a, b])
    sign = function.strip("_")
    return scope.within(f"{a.body} {sign} {b.body}", a.type, [a, b], _BOUNDS[kind(a.type)])


def _doubles(scope: Scope, sign: str, a: Code, b: Code) -> Code:
    if sign == "/" and not (b.literal and float(b.body.strip("()"))):
        return scope.sure(f"ratio({a.body}, {b.body})", DOUBLE, [a, b])
    return scope.sure(f"({a.body} {sign} {b.body})", DOUBLE, [a, b])


def _negative(scope: Scope, node: Call, a: Code) -> Code:
    match kind(a.type):
        case "int":
            return scope.within(f"-{a.body}", INT, [a], INT_BOUNDS)
        case "double":
            return scope.sure(f"(-{a.body})", a.type, [a])
        case _:
            a = boxed(scope, a)
            return scope.checked(f"negative({a.body})", node.type, [a])


def _membership(scope: Scope, item: Code, container: Code) -> Code:
    container = scope.known(container)
    where = kind(container.type)
    if where == "map":
        if kind(item.type) == "string" and not item.null:
            held = f"({item.body} in {container.body})"
            return scope.sure(held, BOOL, [item, container])
        item = boxed(scope, scope.known(item))
        body = f"has_key({container.body}, {item.body})"
        return scope.checked(body, BOOL, [item, container])
    if where != "list":
        item, container = boxed(scope, item), boxed(scope, container)
        body = f"contains_any({container.body}, {item.body})"
        return scope.checked(body, BOOL, [item, container])
    element = kind(container.type.parameters[0]) if container.type.parameters else "dyn"
    if element == kind(item.type) and element in _SCALARS - {"double"}:
        body = _as_set(container.body) if container.literal else container.body
        return scope.sure(f"({item.body} in {body})", BOOL, [item, container])
    if element != kind(item.type):
        item, container = boxed(scope, item), boxed(scope, container)
    return scope.sure(f"contains({container.body}, {item.body})", BOOL, [item, container])


def _as_set(body: str) -> str:
    """A tuple of literals as a set of literals, which Python keeps as a constant and hashes."""
    return f"{{{body[1:-1]}}}" if body != "()" else body


def _index(scope: Scope, node: Call, container: Code, key: Code) -> Code:
    fetched = node.type
    constructed = not container.stored
    if kind(container.type) == "map":
        if kind(key.type) == "string":
            body = f"{container.body}.get({key.body})"
        else:
            key = boxed(scope, key)
            body = f"lookup({container.body}, {key.body})"
        return scope.checked(body, fetched, [container, key], null=constructed)
    if kind(container.type) == "list":
        key = boxed(scope, key)
        body = f"at({container.body}, {key.body})"
        return scope.checked(body, fetched, [container, key], null=constructed)
    container, key = boxed(scope, container), boxed(scope, key)
    return scope.checked(f"index({container.body}, {key.body})", DYN, [container, key], null=True)
