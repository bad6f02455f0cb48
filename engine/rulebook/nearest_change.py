"""The smallest change of a customer's attributes that makes conditions definitely true.

The conditions' checked trees say where to look; nothing is believed before the compiled parts have
been evaluated with the changed values. The search is by cost: first the fewest attributes, then the
smallest steps. For each part that fails it changes an attribute that the part reads to a *critical*
value: one at which, or right beside which, some comparison of the conditions turns.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final, NamedTuple

from engine.model import UNKNOWN, Value
from engine.rulebook.book import Attribute
from engine.rulebook.cel import Expression
from engine.rulebook.cel.generator import Variable
from engine.rulebook.cel.parts import evaluator
from engine.rulebook.cel.tree import Call, Constant, Fold, ListOf, Name, Node, walk
from engine.rulebook.critical_values import Turns, candidates, crossing, distance, is_ordered
from engine.rulebook.needs import needs, told

_FILLED: Final = frozenset({"now", "request.channel", "request.placement"})
_FILLED_COST: Final = 3
_MOST_STATES: Final = 400
_MOST_EVALUATIONS: Final = 20_000
_ORDER: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_"})
_ABSENT: Final = (None, UNKNOWN)
_LOGIC: Final = frozenset({"_&&_", "_||_"})


class Change(NamedTuple):
    """One attribute that would have to be other than it is.

    `after` is the nearest value that will do; `needs` says in words which values will do, all else
    being as proposed.
    """

    attribute: Attribute
    before: Value
    after: Value
    needs: str

    def __str__(self) -> str:
        return f"{self.attribute.name} is {told(self.attribute, self.before)}, needs {self.needs}"


class _Target(NamedTuple):
    """A part whose truth should be `want`."""

    part: Node
    want: bool


@dataclass(order=True, slots=True)
class _State:
    """Some attributes changed, and what is true then; ordered by cost."""

    weight: int
    steps: float
    number: int
    changed: Mapping[int, Value] = field(compare=False)
    truths: Sequence[object] = field(compare=False)


class NearestChange:
    """Finds the smallest change under which all `expressions` are definitely true.

    `present` are indexes of attributes that must have a value as well; the attributes named in
    `fixed` are left as they are. Made once, it answers for any number of customers.
    """

    def __init__(
        self,
        attributes: Sequence[Attribute],
        expressions: Sequence[Expression],
        *,
        present: Collection[int] = (),
        fixed: Collection[str] = (),
    ) -> None:
        self._attributes = attributes
        self._roots = tuple(e.tree for e in expressions)
        self._present = tuple(present)
        self._fixed = frozenset(a.index for a in attributes if a.name in fixed)
        variables: dict[str, Variable] = {}
        for expression in expressions:
            variables |= expression.variables
        self._variables = variables
        self._read_by: dict[int, tuple[int, ...]] = {}
        self._reckoned: dict[int, tuple[Node, ...]] = {}
        written = [part for root in self._roots for part in _parts(root)]
        self._parts = tuple(dict.fromkeys(written))
        place = {part: at for at, part in enumerate(self._parts)}
        self._place = {id(part): place[part] for part in written}
        self._evaluate = evaluator(self._parts, variables)

        self._turns = {index: self._turns_of(index) for index in self._all_read()}

    def find(
        self,
        values: Sequence[Value],
        holds: Callable[[Sequence[Value]], bool] = lambda _: True,
    ) -> tuple[Change, ...] | None:
        """The changes that together will do, () if none is needed, None if none was found.

        `holds` is asked last, of the changed values: what it refuses is not proposed.
        """
        return _Search(self, list(values), holds).run()

    # --- what the trees say ---------------------------------------------------------------------

    def _all_read(self) -> set[int]:
        return {v.index for v in self._variables.values()} | set(self._present)

    def _index(self, node: Node) -> int | None:
        """The attribute a node is, if it is one."""
        if not isinstance(node, Name):
            return None
        variable = self._variables.get(node.name.removeprefix("."))
        return None if variable is None or variable.presence else variable.index

    def _reads(self, part: Node) -> tuple[int, ...]:
        """The attributes a part of the trees reads, in the order of the text."""
        known = self._read_by.get(id(part))
        if known is None:
            names = (n.name.removeprefix(".") for n in walk(part) if isinstance(n, Name))
            found = (self._variables[name].index for name in names if name in self._variables)
            known = self._read_by[id(part)] = tuple(dict.fromkeys(found))
        return known

    def _turns_of(self, index: int) -> Turns:
        """Where comparisons with this attribute turn: literals, and parts it is compared with."""
        literals: dict[object, None] = {}
        parts: dict[int, None] = {}
        for call in (node for root in self._roots for node in walk(root)):
            if isinstance(call, Fold) and index in self._reads(call.range):
                inside = (n for n in walk(call.step) if isinstance(n, Constant))
                literals |= dict.fromkeys(constant.value for constant in inside)
            if not isinstance(call, Call) or index not in self._reads(call):
                continue
            for other in self._opposite(call, index):
                elements = other.elements if isinstance(other, ListOf) else (other,)
                for element in elements:
                    if isinstance(element, Constant):
                        literals.setdefault(element.value)
                    elif id(element) in self._place:
                        parts.setdefault(self._place[id(element)])
        return Turns(tuple(literals), tuple(parts))

    def _opposite(self, call: Call, index: int) -> Iterator[Node]:
        """What an attribute is compared with, or held against, by one operator or function."""
        for at, argument in enumerate(call.arguments):
            if index in self._reads(argument) and call.function not in _LOGIC:
                yield from (other for i, other in enumerate(call.arguments) if i != at)

    def reckoned(self, index: int) -> tuple[Node, ...]:
        """The comparisons of something reckoned from an attribute: where they turn must be searched."""
        known = self._reckoned.get(index)
        if known is None:
            known = self._reckoned[index] = tuple(
                part
                for part in self._parts
                if isinstance(part, Call) and part.function in _ORDER
                if index in self._reads(part)
                if not any(self._index(argument) == index for argument in part.arguments)
            )
        return known


def _parts(root: Node) -> Iterator[Node]:
    """What is worth evaluating on its own: everything outside of loops but names of types."""
    pending = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, Constant) or (isinstance(node, Name) and node.type.name == "type"):
            continue
        yield node
        match node:
            case Call():
                pending.extend(reversed(node.arguments))
            case ListOf():
                pending.extend(reversed(node.elements))
            case Fold():
                pending.append(node.range)
            case _:
                pass


class _Search:
    """One customer's search, cheapest first."""

    def __init__(
        self,
        subject: NearestChange,
        values: list[Value],
        holds: Callable[[Sequence[Value]], bool],
    ) -> None:
        self._of = subject
        self._values = values
        self._holds = holds
        self._heap: list[_State] = []
        self._seen: set[object] = set()
        self._evaluations = 0

    def run(self) -> tuple[Change, ...] | None:
        self._push({}, self._truths({}))
        for _ in range(_MOST_STATES):
            if not self._heap or self._evaluations > _MOST_EVALUATIONS:
                break
            state = heappop(self._heap)
            missing = [i for i in self._of._present if self._changed(state.changed)[i] in _ABSENT]
            target = self._failing(state.truths)
            if target is None and not missing:
                if self._holds(self._changed(state.changed)):
                    return self._told(state.changed)
                continue
            if target is None:
                self._vary(state, missing[0], None)
                continue
            for part, want in _targets(target.part, target.want, self._truth_in(state.truths)):
                for index in self._of._reads(part):
                    self._vary(state, index, _Target(part, want))
        return None

    def _failing(self, truths: Sequence[object]) -> _Target | None:
        for root in self._of._roots:
            if self._truth_in(truths)(root) is not True:
                return _Target(root, want=True)
        return None

    def _truth_in(self, truths: Sequence[object]) -> Callable[[Node], object]:
        def truth(node: Node) -> object:
            if isinstance(node, Constant):
                return node.value
            return truths[self._of._place[id(node)]]

        return truth

    def _vary(self, state: _State, index: int, target: _Target | None) -> None:
        """Puts every critical value of one attribute up for trial."""
        attribute = self._of._attributes[index]
        is_list = isinstance(state.changed.get(index), tuple)
        if index in self._of._fixed or (index in state.changed and not is_list):
            return
        now = self._changed(state.changed)
        for value in self._critical(state, attribute, now):
            if value == now[index] and type(value) is type(now[index]):
                continue
            changed = {**state.changed, index: value}
            truths = self._truths(changed)
            if target is None or self._gets_on(target, changed, truths):
                self._push(changed, truths)

    def _gets_on(
        self, target: _Target, changed: Mapping[int, Value], truths: Sequence[object]
    ) -> bool:
        """Whether the part is now as wanted, or can still become so by another attribute."""
        if self._truth_in(truths)(target.part) is target.want:
            return True
        return any(
            index not in changed or isinstance(changed[index], tuple)
            for index in self._of._reads(target.part)
            if index not in self._of._fixed
        )

    def _critical(self, state: _State, attribute: Attribute, now: list[Value]) -> Iterable[Value]:
        index = attribute.index
        turns = self._of._turns[index]
        opposite = [*turns.literals, *(state.truths[at] for at in turns.parts)]
        found = dict.fromkeys(candidates(attribute, now[index], opposite))
        reckoned = self._of.reckoned(index) if is_ordered(attribute) else ()
        for part in reckoned:
            for want in (True, False):
                if self._truth_in(state.truths)(part) is not want:
                    when = self._when(state, index, _Target(part, want))
                    found |= dict.fromkeys(crossing(attribute, now[index], when))
        return found

    def _when(self, state: _State, index: int, target: _Target) -> Callable[[Value], bool]:
        def as_wanted(value: Value) -> bool:
            truths = self._truths({**state.changed, index: value})
            return self._truth_in(truths)(target.part) is target.want

        return as_wanted

    # --- states ---------------------------------------------------------------------------------

    def _changed(self, changed: Mapping[int, Value]) -> list[Value]:
        values = self._values.copy()
        for index, value in changed.items():
            values[index] = value
        return values

    def _truths(self, changed: Mapping[int, Value]) -> Sequence[object]:
        self._evaluations += 1
        return self._of._evaluate(self._changed(changed))

    def _push(self, changed: Mapping[int, Value], truths: Sequence[object]) -> None:
        key = frozenset((index, type(value), value) for index, value in changed.items())
        if key in self._seen:
            return
        self._seen.add(key)
        weight, steps = 0, 0.0
        for index, value in changed.items():
            attribute = self._of._attributes[index]
            weight += _FILLED_COST if attribute.name in _FILLED else 1
            steps += distance(attribute, self._values[index], value)
        heappush(self._heap, _State(weight, steps, len(self._seen), changed, truths))

    def _told(self, changed: Mapping[int, Value]) -> tuple[Change, ...]:
        return tuple(self._change(index, changed) for index in sorted(changed))

    def _change(self, index: int, changed: Mapping[int, Value]) -> Change:
        attribute = self._of._attributes[index]
        turns = self._of._turns[index]
        truths = self._truths(changed)
        opposite = [*turns.literals, *(truths[at] for at in turns.parts)]

        def good(value: Value) -> bool:
            trial = {**changed, index: value}
            present = all(self._changed(trial)[i] not in _ABSENT for i in self._of._present)
            return present and self._failing(self._truths(trial)) is None

        before, after = self._values[index], changed[index]
        return Change(attribute, before, after, needs(attribute, before, after, opposite, good))


def _targets(part: Node, want: bool, truth: Callable[[Node], object]) -> Iterator[_Target]:
    """The smallest parts that can make `part` what is wanted, each on its own or as one of several.

    Of parts that must all change, only the first is told: the others' turn comes when it has.
    """
    match part:
        case Constant():
            return
        case Call(function="!_"):
            yield from _targets(part.arguments[0], not want, truth)
        case Call(function="_&&_" | "_||_"):
            open_ = [a for a in part.arguments if truth(a) is not want]
            all_needed = (part.function == "_&&_") is want
            for argument in open_[:1] if all_needed else open_:
                yield from _targets(argument, want, truth)
        case Call(function="_?_:_"):
            test, yes, no = part.arguments
            if truth(test) is not False:
                yield from _targets(test, False, truth)
            if truth(test) is not True:
                yield from _targets(test, True, truth)
            if truth(test) in {True, False}:
                yield from _targets(yes if truth(test) is True else no, want, truth)
        case _:
            yield _Target(part, want)
