"""What is wrong with an expression, said to the people who wrote it, with its place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.rulebook.book import Attribute
from engine.rulebook.cel import habits
from engine.rulebook.cel.declarations import FUNCTIONS, STANDARD_FUNCTIONS
from engine.rulebook.cel.tree import Call, Constant, Node, Select, dotted, start, walk
from engine.rulebook.cel.unparsed import TOO_EARLY, unparsed
from engine.rulebook.names import did_you_mean


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. `offset` counts characters from the start of the expression's text."""

    offset: int
    message: str


Attributes = Mapping[str, Attribute]

_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_SYNTAX = "Syntax error: "
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?=\n \||\Z)", re.DOTALL)
_UNDECLARED = re.compile(r"undeclared reference to '(.*)' \(in container")
_OVERLOAD = re.compile(r"found no matching overload for '(.*)' applied to '(.*)'")
_TYPES = {
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Duration": "duration",
    "null_type": "null",
}
_SIGNS = {
    "_&&_": "&&",
    "_||_": "||",
    "!_": "!",
    "-_": "-",
    "@in": "in",
    "_[_]": "[ ]",
    "_?_:_": "? :",
}
_TOO_DEEP = "the expression nests too deep; split it into several named conditions"
_ORDERS = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""Each with the one that says the same with the sides swapped."""
_COMPARISONS = {"==", "!=", *_ORDERS}
_ONE_OF = {"==": "x in ['a', 'b']", "!=": "!(x in ['a', 'b'])"}
_NOUNS = {
    "int": "an int",
    "bool": "a bool",
    "string": "a string",
    "double": "a double",
    "uint": "a uint",
    "bytes": "bytes",
    "timestamp": "a timestamp",
    "duration": "a duration",
}


def offset_of(text: str, line: int, column: int) -> int:
    """A place given as line and column, both from 1, as an offset in characters."""
    lines = text.split("\n")
    offset = sum(len(one) + 1 for one in lines[: line - 1]) + column - 1
    return min(max(offset, 0), len(text))


def problems(report: str, text: str, tree: Node | None, attributes: Attributes) -> list[Problem]:
    """The checker's report as problems; `tree` is the parsed expression, None if it did not parse."""
    told = [
        (offset_of(text, int(line), int(column)), message.strip())
        for line, column, message in _ERROR.findall(report)
    ]
    if tree is None and any(message.startswith(_SYNTAX) for _, message in told):
        complaints = [(o, m.removeprefix(_SYNTAX)) for o, m in told if m.startswith(_SYNTAX)]
        return [Problem(*one) for one in unparsed(complaints, text)]
    found = [
        problem
        for offset, message in told
        for problem in _translated(offset, message, text, tree, attributes)
    ]
    if not found:
        found = [Problem(0, _whole(report))]
    return sorted(set(found)) if tree is not None else [min(found)]


def _whole(report: str) -> str:
    """A report that names no place."""
    if "recursion limit" in report:
        return _TOO_DEEP
    first = report.partition("\n")[0].removeprefix("INVALID_ARGUMENT: ")
    return re.sub(r"\s*\[[A-Z_]+\]$", "", first)


def _translated(
    offset: int, message: str, text: str, tree: Node | None, attributes: Attributes
) -> list[Problem]:
    message = re.sub(r"\s*\[[A-Z_]+\]$", "", message)
    if match := _UNDECLARED.match(message):
        return [_undeclared(offset, match[1], tree, attributes)]
    if match := _OVERLOAD.match(message):
        return _mismatches(offset, match[1], match[2], text, tree, attributes)
    if "select operation" in message or "undefined field" in message:
        return [_selection(offset, message, tree, attributes)]
    for sign, said in _PLAINLY.items():
        if sign in message:
            return [Problem(offset, said)]
    if match := re.match(r"expression of type '(.*?)' cannot be the range", message):
        return [Problem(offset, f"only a list or a map has elements to look at, not {match[1]}")]
    return [Problem(offset, message)]


_PLAINLY = {
    "recursion limit": _TOO_DEEP,
    "recursion depth": _TOO_DEEP,
    "has() argument": "has() takes an attribute or an entry of a map, as in has(customer.age)",
    "reserved identifier: if": "'if' is not used in conditions; write condition ? one : other",
    "invalid int literal": "this number does not fit an int (64 bits)",
    "invalid uint literal": "this number does not fit a uint (64 bits)",
    "<<nil>>": TOO_EARLY,
}


def _nodes(tree: Node | None, offset: int) -> Iterator[Node]:
    return (node for node in walk(tree) if node.offset == offset) if tree else iter(())


def _undeclared(offset: int, name: str, tree: Node | None, attributes: Attributes) -> Problem:
    name = name.removeprefix(".")
    for node in _nodes(tree, offset):
        if isinstance(node, Call) and node.function == name:
            return _no_function(offset, name, node, attributes)
        tested = isinstance(node, Select) and node.test
        asked = node.operand if isinstance(node, Select) and tested else node
        written = (
            f"{dotted(asked)}.{node.field}"
            if isinstance(node, Select) and tested
            else dotted(asked)
        )
        if written.removeprefix(".") == name:
            offset = start(asked)
            break
    quoted = [a for a in attributes.values() if name in a.values]
    if quoted:
        return Problem(
            offset, f"a text stands in quotes: '{name}' (it is a value of {quoted[0].name})"
        )
    if instead := habits.CONSTANTS.get(name.lower()):
        return Problem(offset, f"'{name}' is not a declared attribute; write {instead}")
    hint = _attribute_hint(name, attributes)
    if not hint and "." not in name:
        hint = f" A text stands in quotes: '{name}'."
    return Problem(offset, f"'{name}' is not a declared attribute.{hint}")


def _attribute_hint(name: str, attributes: Attributes) -> str:
    """The attribute probably meant: of the same last word, or spelt almost alike."""
    ends = [known for known in attributes if known.rpartition(".")[2] == name]
    return f" Did you mean '{ends[0]}'?" if ends else did_you_mean(name, attributes)


_LOOP = "; write some.list.{}(x, x == ...)"
_USE = {name: _LOOP.format(name) for name in ("all", "exists", "exists_one", "filter", "map")} | {
    name: f"; write some.text.{name}('...')"
    for name in ("contains", "startsWith", "endsWith", "matches")
}


def _no_function(offset: int, name: str, node: Call, attributes: Attributes) -> Problem:
    """A call of nothing; points at the function's name, which ends before the parenthesis."""
    known = (*STANDARD_FUNCTIONS, *FUNCTIONS)
    if node.method and node.arguments:
        whole = f"{dotted(node.arguments[0])}.{name}"
        if whole in attributes:
            return Problem(start(node), f"'{whole}' is an attribute, not a function: leave out ()")
    place = max(offset - len(name), 0)
    if name in known:
        return Problem(place, f"'{name}' is not used like this{_USE.get(name, '')}")
    if instead := habits.FUNCTIONS.get(name.lower()):
        return Problem(place, f"there is no function '{name}'; write {instead}")
    return Problem(place, f"there is no function '{name}'.{did_you_mean(name, known)}")


def _selection(offset: int, message: str, tree: Node | None, attributes: Attributes) -> Problem:
    for node in _nodes(tree, offset):
        name = dotted(node)
        if isinstance(node, Select) and name:
            owner = attributes.get(dotted(node.operand))
            if owner:
                said = f"'{owner.name}' is {owner.type}; it has no part '{node.field}'."
                function = node.field in (*STANDARD_FUNCTIONS, *FUNCTIONS)
                hint = f" A function is written with (): {name}()." if function else ""
                return Problem(start(node), f"{said}{hint}")
    return Problem(offset, message)


# --- operands that do not go together ----------------------------------------------------------


def _people(type_: str) -> str:
    """A type as the checker prints it, as a rule book writes it."""
    type_ = re.sub(r"wrapper\((\w+)\)", r"\1", type_)
    for printed, written in _TYPES.items():
        type_ = type_.replace(printed, written)
    return type_


def _split(types: str) -> list[str]:
    """`(int, list(string))` as its parts; a method's receiver `string.(int)` comes first."""
    receiver, _, rest = types.rpartition(".(") if ".(" in types else ("", "", types.lstrip("("))
    parts, depth, current = [], 0, ""
    for character in rest.removesuffix(")"):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    return [_people(p.strip()) for p in ([receiver] if receiver else []) + parts if p.strip()]


def _noun(type_: str) -> str:
    return _NOUNS.get(type_, type_)


def _mismatches(
    offset: int,
    function: str,
    types: str,
    text: str,
    tree: Node | None,
    attributes: Attributes,
) -> list[Problem]:
    kinds = _split(types)
    call = next(
        (n for n in _nodes(tree, offset) if isinstance(n, Call) and n.function == function), None
    )
    sign = _SIGNS.get(function, function.strip("_"))
    if call is None or len(call.arguments) != len(kinds):
        return [Problem(offset, _clash(sign, kinds, []))]
    named = [(attributes.get(dotted(n)), k) for n, k in zip(call.arguments, kinds, strict=True)]
    if sign in {"&&", "||", "!"}:
        return [
            Problem(start(node), _no_truth(sign, attribute, kind))
            for node, (attribute, kind) in zip(call.arguments, named, strict=True)
            if kind not in {"bool", "dyn", "*error*"}
        ]
    if chain := _chained(sign, call, text):
        return [Problem(start(call), chain)]
    hint = _hint(sign, kinds) or _fraction(sign, call, kinds) or _instead(sign, call, named)
    return [Problem(start(call), _clash(sign, kinds, named) + hint)]


def _chained(sign: str, call: Call, text: str) -> str | None:
    """How to write `18 <= age <= 65`, which compares what is true or false with a number."""
    inner = call.arguments[0]
    if sign not in _ORDERS or not isinstance(inner, Call) or len(inner.arguments) != 2:
        return None
    first = _SIGNS.get(inner.function, inner.function.strip("_"))
    if first not in _ORDERS:
        return None
    low = text[start(inner) : inner.offset].strip()
    middle = text[inner.offset + len(first) : call.offset].strip()
    high = re.split(r"&&|[|]{2}|[)?]", text[call.offset + len(sign) :])[0].strip()
    return f"compare one by one; write {middle} {_ORDERS[first]} {low} && {middle} {sign} {high}"


def _instead(sign: str, call: Call, named: Sequence[tuple[Attribute | None, str]]) -> str:
    """What to write instead where an attribute meets a constant of another type."""
    if len(call.arguments) != 2:
        return ""
    (one, _), (other, _) = named
    attribute = one or other
    constant = call.arguments[1] if one else call.arguments[0]
    if attribute is None or not isinstance(constant, Constant):
        return ""
    value, type_ = constant.value, str(attribute.type)
    if sign == "in" and isinstance(value, str) and type_ == "string" and one:
        return f"; write ['{value}']"
    if sign not in _COMPARISONS:
        return ""
    if type_ == "bool" and not isinstance(value, bool):
        return f"; write {attribute.name} or !{attribute.name}"
    if type_ in {"int", "double"} and isinstance(value, str) and _NUMBER.fullmatch(value):
        return "; remove the quotes"
    if type_ == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"; a text stands in quotes: '{value}'"
    if type_ == "list(string)" and isinstance(value, str) and sign in {"==", "!="}:
        return f"; write {'!' * (sign == '!=')}('{value}' in {attribute.name})"
    return ""


def _fraction(sign: str, call: Call, kinds: Sequence[str]) -> str:
    """What to write where one outcome of `? :` is an int and the other a double."""
    if sign != "? :" or sorted(kinds[1:]) != ["double", "int"]:
        return ""
    whole = call.arguments[1 + kinds[1:].index("int")]
    if isinstance(whole, Constant) and isinstance(whole.value, int):
        return f"; write {whole.value}.0"
    return "; write double(...) around the int"


def null_order(sign: str) -> str:
    """What to say of `x < null`."""
    return f"comparing with null by {sign} is never true; write == null or != null"


def _no_truth(sign: str, attribute: Attribute | None, kind: str) -> str:
    said = f"'{attribute.name}' is {attribute.type}" if attribute else f"this is {_noun(kind)}"
    return f"'{sign}' needs conditions that are true or false; {said}"


def _hint(sign: str, kinds: Sequence[str]) -> str:
    """How to write what was probably meant."""
    match sign, sorted(kinds):
        case _, ["string", "timestamp"]:
            return "; write date('2026-12-01') or timestamp('2026-12-01T09:00:00Z')"
        case (("+" | "-"), ["int", "timestamp"]):
            return "; a length of time is written days(n), hours(n) or minutes(n)"
        case _, ["int", "timestamp"]:
            return "; a day is written date('2026-12-01')"
        case "date", ["int"]:
            return "; a day stands in quotes: date('2026-12-01')"
        case (("==" | "!="), ["list(string)", "string"]) if kinds[0] == "string":
            return f"; write {_ONE_OF[sign]}"
        case _, ["duration", "int"] | ["double", "duration"]:
            return "; a length of time is written days(n), hours(n) or minutes(n)"
        case _:
            return ""


def _clash(sign: str, kinds: Sequence[str], named: Sequence[tuple[Attribute | None, str]]) -> str:
    """Why these operands do not go with this operator or function."""
    subjects = list(dict.fromkeys(f"'{a.name}' is {a.type}" for a, _ in named if a))
    if sign in _ORDERS and "null" in kinds:
        return null_order(sign)
    if sign in _COMPARISONS and len(kinds) == 2:
        return _comparison(kinds, named)
    if sign == "in" and len(kinds) == 2:
        right = named[1][0] if named else None
        if not kinds[1].startswith(("list", "map")):
            said = f"'{right.name}' is {right.type}" if right else f"this is {_noun(kinds[1])}"
            return f"'in' needs a list or a map on its right; {said}"
        return f"{_subject(kinds, named, 0)}; it cannot be in {kinds[1]}"
    if sign == "? :":
        if kinds[0] != "bool":
            return f"what stands before '?' must be true or false; it is {_noun(kinds[0])}"
        return f"both outcomes of '? :' must have one type; these are {' and '.join(kinds[1:])}"
    said = f"; {', '.join(subjects)}" if subjects else ""
    return f"'{sign}' does not work with {' and '.join(map(_noun, kinds))}{said}"


def _subject(kinds: Sequence[str], named: Sequence[tuple[Attribute | None, str]], at: int) -> str:
    attribute = named[at][0] if named else None
    return f"'{attribute.name}' is {attribute.type}" if attribute else f"this is {_noun(kinds[at])}"


def _comparison(kinds: Sequence[str], named: Sequence[tuple[Attribute | None, str]]) -> str:
    left, right = (named[0][0], named[1][0]) if named else (None, None)
    for attribute, other in ((left, kinds[1]), (right, kinds[0])):
        if attribute and other == "null":
            return f"'{attribute.name}' is never null: it is not declared nullable"
    if left and right:
        said = f"'{left.name}' is {left.type} and '{right.name}' is {right.type}"
        return f"{said}; they cannot be compared"
    if left:
        return f"'{left.name}' is {left.type}; it cannot be compared with {_noun(kinds[1])}"
    if right:
        return f"'{right.name}' is {right.type}; it cannot be compared with {_noun(kinds[0])}"
    return f"{_noun(kinds[0])} cannot be compared with {_noun(kinds[1])}"
