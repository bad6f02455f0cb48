"""Random typed expressions and random customers, for comparing generated code with the official evaluator."""

from collections.abc import Callable
from random import Random
from typing import Any

from engine.model import SECOND, UNKNOWN
from engine.rulebook.book import Attribute, Kind, Type
from engine.rulebook.cel.clock import LONGEST_DURATION

SCALARS = ("bool", "int", "double", "string", "timestamp", "duration")
FAILING = {"string": "int({}) > {}", "int": "6 / {} > {}"}
"""Tests of a macro that are errors for some elements and not for others."""
LISTS = ("list(string)", "list(int)", "list(double)", "list(timestamp)")
MAPS = ("map(string,int)", "map(string,string)", "map(string,double)")
TYPES = (*SCALARS, *LISTS, *MAPS)
NULLABLE = (*SCALARS, "list(string)", "map(string,int)")


def type_of(name: str) -> Type:
    kind, _, rest = name.rstrip(")").partition("(")
    return Type(Kind(kind), type_of(rest.split(",")[-1]) if rest else None)


def _declared() -> list[tuple[str, str, bool]]:
    rows = [(f"{'abc'[n]}.x{i}", name, False) for i, name in enumerate(TYPES) for n in range(2)]
    return rows + [(f"maybe.x{i}", name, True) for i, name in enumerate(NULLABLE)]


ATTRIBUTES = tuple(
    Attribute(index, name, type_of(type_), nullable=nullable)
    for index, (name, type_, nullable) in enumerate(_declared())
)
NAMES = {type_: [a.name for a in ATTRIBUTES if str(a.type) == type_] for type_ in TYPES}

SPELT = ("bool", "int", "string", "timestamp", "duration")
"""What `string()` is tried on here; doubles have a test of their own."""

INTS = (0, 1, -1, 2, 3, 7, 60, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 10**6)
DOUBLES = (
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    2.0,
    3.5,
    2.0**53,
    2.0**63,
    -(2.0**63),
    1e300,
    1e-5,
    123456.789,
)
UNSPEAKABLE = (float("nan"), float("inf"), float("-inf"))
STRINGS = (
    "",
    "a",
    "b",
    "ab",
    "abc",
    "vip",
    "ä",
    "𝒳y",
    "z\n",
    "1",
    "-7",
    "2.5",
    "true",
    "Europe/Vienna",
    "+05:30",
    "2026-11-21T10:00:00Z",
    "90m",
    "a.b",
)
MOMENTS = (
    0,
    1,
    -SECOND,
    1_790_000_000_123_456,
    951_782_400_000_000,
    -30_000_000 * SECOND * 60,
    1_711_846_800_000_000,
    250_000_000_000 * SECOND,
)
LENGTHS = (
    0,
    1,
    -1,
    3_600_000_000,
    -90_061_500_000,
    86_400_000_000 * 60,
    LONGEST_DURATION,
    2 * SECOND - LONGEST_DURATION,
    10**15,
)
ZONES = (
    "UTC",
    "Europe/Vienna",
    "America/St_Johns",
    "Africa/Lagos",
    "Asia/Kathmandu",
    "+05:30",
    "-02:00",
    "11:15",
)
PATTERNS = ("^a", "b$", "[a-c]+", "(ab|v)", "", ".", "ä|𝒳", r"\\d", "a{2}")
GETTERS = (
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
)


def value(random: Random, type_: str) -> Any:
    """A value as the engine holds it."""
    match type_:
        case "bool":
            return random.random() < 0.5
        case "int":
            return random.choice(INTS) if random.random() < 0.3 else random.randrange(-9, 10)
        case "double":
            return (
                random.choice(DOUBLES + UNSPEAKABLE)
                if random.random() < 0.6
                else random.uniform(-9, 9)
            )
        case "string":
            return random.choice(STRINGS)
        case "timestamp":
            return random.choice(MOMENTS)
        case "duration":
            return random.choice(LENGTHS)
        case _ if type_.startswith("list"):
            return tuple(value(random, type_[5:-1]) for _ in range(random.randrange(4)))
        case _:
            element = type_[:-1].split(",")[-1]
            return {
                k: value(random, element)
                for k in random.sample(("a", "b", "k"), random.randrange(4))
            }


def customer(random: Random) -> list[Any]:
    """Values of all attributes, some missing, some null."""
    known = random.choice((0.7, 0.95, 1.0, 1.0))
    values: list[Any] = []
    for attribute in ATTRIBUTES:
        if attribute.nullable and random.random() < 0.35:
            values.append(None)
        elif random.random() < known:
            values.append(value(random, str(attribute.type)))
        else:
            values.append(UNKNOWN)
    return values


class Expressions:
    """Draws expressions of a wanted type; local variables are those of the macros around."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.locals: list[tuple[str, str]] = []
        self.loops = 0

    def of(self, type_: str, depth: int) -> str:
        leaf = depth <= 0 or self.random.random() < 0.12
        return self._leaf(type_) if leaf else self._node(type_, depth - 1)

    def _leaf(self, type_: str) -> str:
        here = [name for name, t in self.locals if t == type_]
        if here and self.random.random() < 0.6:
            return self.random.choice(here)
        if self.random.random() < 0.62:
            return self.random.choice(NAMES[type_])
        return self._literal(type_)

    def _literal(self, type_: str) -> str:
        r = self.random
        match type_:
            case "bool":
                return r.choice(("true", "false"))
            case "int":
                return str(value(r, "int"))
            case "double":
                return _double(r.choice(DOUBLES))
            case "string":
                return _quoted(r.choice(STRINGS))
            case "timestamp":
                return r.choice(
                    (
                        'timestamp("2026-11-21T10:00:00Z")',
                        'date("2024-02-29")',
                        'timestamp("1969-12-31T23:59:59.5-01:00")',
                        "timestamp(0)",
                        'timestamp("0001-01-02T12:00:00Z")',
                        'timestamp("9999-12-30T23:59:59Z")',
                    )
                )
            case "duration":
                return r.choice(
                    (
                        "days(60)",
                        "hours(-2)",
                        "minutes(30)",
                        'duration("1h30m")',
                        'duration("-1.5s")',
                        "days(90000)",
                    )
                )
            case _ if type_.startswith("list"):
                return f"[{', '.join(self._literal(type_[5:-1]) for _ in range(r.randrange(4)))}]"
            case _:
                element = type_[:-1].split(",")[-1]
                keys = r.sample(("a", "b", "k"), r.randrange(4))
                return f"{{{', '.join(f'{_quoted(k)}: {self._literal(element)}' for k in keys)}}}"

    def _node(self, type_: str, depth: int) -> str:
        makers: dict[str, Callable[[int], str]] = {
            "bool": self._bool,
            "int": self._int,
            "double": self._double,
            "string": self._string,
            "timestamp": self._timestamp,
            "duration": self._duration,
        }
        if self.random.random() < 0.1:
            return f"({self.of('bool', depth)} ? {self.of(type_, depth)} : {self.of(type_, depth)})"
        if type_ in makers:
            return makers[type_](depth)
        return self._list(type_, depth) if type_.startswith("list") else self._leaf(type_)

    def _number(self, depth: int) -> str:
        return self.of(self.random.choice(("int", "double")), depth)

    def _bool(self, depth: int) -> str:
        r = self.random
        match r.randrange(19):
            case 0 | 1 | 2:
                return f"({self.of('bool', depth)} && {self.of('bool', depth)})"
            case 3 | 4 | 5:
                return f"({self.of('bool', depth)} || {self.of('bool', depth)})"
            case 6:
                return f"!{self.of('bool', depth)}"
            case 7 | 8:
                order = r.choice(("<", "<=", ">", ">=", "==", "!="))
                return f"({self._number(depth)} {order} {self._number(depth)})"
            case 9:
                type_ = r.choice(SCALARS)
                order = r.choice(("<", "<=", ">", ">=", "==", "!="))
                return f"({self.of(type_, depth)} {order} {self.of(type_, depth)})"
            case 10:
                type_ = r.choice((*LISTS, *MAPS))
                return f"({self.of(type_, depth)} {r.choice(('==', '!='))} {self.of(type_, depth)})"
            case 17:
                return self._with_itself(depth)
            case 18:
                mixed = [self._mixed(depth), self._mixed(depth)]
                return f"({mixed[0]} {r.choice(('==', '!='))} {mixed[1]})"
            case 11:
                return self._membership(depth)
            case 12:
                method = r.choice(("contains", "startsWith", "endsWith"))
                return f"{self.of('string', depth)}.{method}({self.of('string', depth)})"
            case 13:
                pattern = (
                    _quoted(r.choice(PATTERNS)).replace("\\\\\\\\", "\\\\")
                    if r.random() < 0.8
                    else self.of("string", depth)
                )
                return f"{self.of('string', depth)}.matches({pattern})"
            case 14:
                return self._presence()
            case 15:
                return self._macro(depth)
            case _:
                left, right = r.choice(SCALARS), r.choice(SCALARS)
                return f"(dyn({self.of(left, depth)}) {r.choice(('==', '!='))} {self.of(right, depth)})"

    def _with_itself(self, depth: int) -> str:
        """What identity would answer differently where a value is not a number."""
        r = self.random
        if r.random() < 0.5:
            text = self.of(r.choice((*LISTS, *MAPS, "double")), depth)
            return f"({text} {r.choice(('==', '!='))} {text})"
        items = self._leaf(r.choice(LISTS))
        return f"({items}[0] in {items})"

    def _mixed(self, depth: int) -> str:
        """A list of several types, whose elements are typed at run time."""
        types = [self.random.choice(SCALARS) for _ in range(self.random.randrange(1, 4))]
        elements = ", ".join(self.of(t, min(depth, 1)) for t in types)
        return f"[dyn({self._leaf('bool')}), {elements}]"

    def _membership(self, depth: int) -> str:
        r = self.random
        match r.randrange(4):
            case 0:
                element = r.choice(("string", "int", "double", "timestamp"))
                return f"({self.of(element, depth)} in {self.of(f'list({element})', depth)})"
            case 1:
                one, other = r.choice((("int", "double"), ("double", "int")))
                return f"({self.of(one, depth)} in {self.of(f'list({other})', depth)})"
            case 2:
                elements = ", ".join(self.of("string", depth) for _ in range(r.randrange(1, 4)))
                return f"({self.of('string', depth)} in [{elements}])"
            case _:
                return f"({self.of('string', depth)} in {self.of(r.choice(MAPS), depth)})"

    def _presence(self) -> str:
        r = self.random
        match r.randrange(4):
            case 0:
                return f"has({r.choice(ATTRIBUTES).name})"
            case 1:
                return f"has({r.choice(NAMES[r.choice(MAPS)])}.{r.choice('abk')})"
            case 2:
                return f"({r.choice([a.name for a in ATTRIBUTES if a.nullable])} {r.choice(('==', '!='))} null)"
            case _:
                return f"(null {r.choice(('==', '!='))} {r.choice([a.name for a in ATTRIBUTES if a.nullable])})"

    def _macro(self, depth: int) -> str:
        r = self.random
        if self.loops >= 2:
            return self._leaf("bool")
        if r.random() < 0.2:
            source, element = self.of(r.choice(MAPS), depth), "string"
        else:
            type_ = r.choice(LISTS)
            source, element = self.of(type_, depth), type_[5:-1]
        body, name = self._inside(element, "bool", depth)
        if element in FAILING and r.random() < 0.5:
            body = FAILING[element].format(name, r.randrange(-2, 4))
        return f"{source}.{r.choice(('all', 'exists', 'exists_one'))}({name}, {body})"

    def _inside(self, element: str, result: str, depth: int) -> tuple[str, str]:
        name = self.random.choice("ijk")
        hidden = self.locals
        self.locals = [*(one for one in hidden if one[0] != name), (name, element)]
        self.loops += 1
        body = self.of(result, depth)
        self.loops -= 1
        self.locals = hidden
        return body, name

    def _int(self, depth: int) -> str:
        r = self.random
        match r.randrange(9):
            case 0 | 1 | 2:
                return f"({self.of('int', depth)} {r.choice('+-*/%')} {self.of('int', depth)})"
            case 3:
                return f"-({self.of('int', depth)})"
            case 4:
                return f"size({self.of(r.choice(('string', *LISTS, *MAPS)), depth)})"
            case 5:
                place = (
                    ""
                    if r.random() < 0.4
                    else _quoted(r.choice(ZONES))
                    if r.random() < 0.8
                    else self.of("string", depth)
                )
                return f"{self.of('timestamp', depth)}.{r.choice(GETTERS)}({place})"
            case 6:
                getter = r.choice(("getHours", "getMinutes", "getSeconds", "getMilliseconds"))
                return f"{self.of('duration', depth)}.{getter}()"
            case 7:
                return f"int({self.of(r.choice(('int', 'double', 'string', 'timestamp')), depth)})"
            case _:
                return self._element("int", depth)

    def _element(self, type_: str, depth: int) -> str:
        """An element of a list or map, often one that is not there."""
        r = self.random
        if r.random() < 0.5 and f"map(string,{type_})" in MAPS:
            source = self.of(f"map(string,{type_})", depth)
            return (
                f"{source}.{r.choice('abk')}"
                if r.random() < 0.5
                else f"{source}[{self.of('string', depth)}]"
            )
        if f"list({type_})" in LISTS:
            return f"{self.of(f'list({type_})', depth)}[{self.random.choice(('0', '1', '-1', self.of('int', depth)))}]"
        return self._leaf(type_)

    def _double(self, depth: int) -> str:
        r = self.random
        match r.randrange(7):
            case 0 | 1:
                return f"({self.of('double', depth)} {r.choice('+-*/')} {self.of('double', depth)})"
            case 2 | 3:
                pair = [self.of("double", depth), self.of("int", depth)]
                r.shuffle(pair)
                return f"({pair[0]} {r.choice('+-*/')} {pair[1]})"
            case 4:
                return f"-({self.of('double', depth)})"
            case 5:
                return f"double({self.of(r.choice(('int', 'double', 'string')), depth)})"
            case _:
                return self._element("double", depth)

    def _string(self, depth: int) -> str:
        r = self.random
        match r.randrange(4):
            case 0:
                return f"({self.of('string', depth)} + {self.of('string', depth)})"
            case 1:
                return f"string({self.of(r.choice(SPELT), depth)})"
            case _:
                return self._element("string", depth)

    def _timestamp(self, depth: int) -> str:
        r = self.random
        match r.randrange(5):
            case 0 | 1:
                return (
                    f"({self.of('timestamp', depth)} {r.choice('+-')} {self.of('duration', depth)})"
                )
            case 2:
                return f"({self.of('duration', depth)} + {self.of('timestamp', depth)})"
            case 3:
                return f"timestamp({self.of(r.choice(('string', 'int', 'timestamp')), depth)})"
            case _:
                return self._element("timestamp", depth)

    def _duration(self, depth: int) -> str:
        r = self.random
        match r.randrange(5):
            case 0 | 1:
                return (
                    f"({self.of('duration', depth)} {r.choice('+-')} {self.of('duration', depth)})"
                )
            case 2:
                return f"({self.of('timestamp', depth)} - {self.of('timestamp', depth)})"
            case 3:
                return f"duration({self.of('string', depth)})"
            case _:
                return f"{r.choice(('days', 'hours', 'minutes'))}({self.of('int', depth)})"

    def _list(self, type_: str, depth: int) -> str:
        r = self.random
        element = type_[5:-1]
        match r.randrange(5):
            case 0:
                return f"({self.of(type_, depth)} + {self.of(type_, depth)})"
            case 1 if self.loops < 2:
                body, name = self._inside(element, "bool", depth)
                return f"{self.of(type_, depth)}.filter({name}, {body})"
            case 2 if self.loops < 2:
                source = r.choice(LISTS)
                body, name = self._inside(source[5:-1], element, depth)
                return f"{self.of(source, depth)}.map({name}, {body})"
            case _:
                return f"[{', '.join(self.of(element, depth) for _ in range(r.randrange(4)))}]"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _double(number: float) -> str:
    text = repr(number)
    return f"({text})" if text[0] == "-" else text
