"""What is said of conditions that nobody can meet, that everybody meets, or that add nothing.

Certain means: for every value the attributes' declarations allow (type, range, values), with null where an
attribute is nullable, and *unknown* where one is neither nullable nor has a default. So a condition that asks
for a possibly missing attribute is never called always true; where it is true whenever it is known, that is
said. What no customer can ever get through is an error; everything else is a notice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from engine.rulebook.book import Action, Treatment
from engine.rulebook.cel.tree import Call, Constant, Name, Node, start, walk
from engine.rulebook.expressions import Checked, Expressions
from engine.rulebook.logic.clauses import Clause, Comparison, clauses_of
from engine.rulebook.logic.domains import Domain
from engine.rulebook.logic.search import Search, Want, core, equal, true
from engine.rulebook.nodes import shortened
from engine.rulebook.report import Place, Report

_LEVELS: Final = ("all_actions", "issue", "group", "action", "treatment")
_FOR_ANYBODY: Final = frozenset({"none_when"})
"""Conditions that may be switched off by writing `false`."""
_COMPARED: Final = {
    "_<_": "less than ",
    "_<=_": "at most ",
    "_>_": "greater than ",
    "_>=_": "at least ",
}
_JOINT: Final = re.compile(r"\s*&&[\s(]*\Z")
_NOT_TRUE: Final = (False, None)
_ENDLESS: Final = 10**15


def report_findings(
    expressions: Expressions,
    actions: Sequence[tuple[Action, Sequence[Treatment]]],
    channels: Mapping[str, str],
    report: Report,
) -> None:
    """Reports what follows from the conditions of a book.

    `actions` are those of which every condition is known, with their treatments; `channels` those of
    the placements.
    """
    checked = [*expressions.checked, *expressions.others]
    clauses = clauses_of([one.expression for one in checked], expressions.attributes)
    search = Search(clauses)
    findings = _Findings(search, report)
    for one, compared in zip(checked, clauses.comparisons, strict=True):
        findings.literals(one, compared)
    conditions = [_Condition.of(*pair) for pair in zip(checked, clauses.of, strict=True)]
    for condition in conditions:
        if condition.clauses:
            findings.alone(condition)
    for action, treatments in actions:
        own = [conditions[index] for index in action.conditions]
        findings.together(own)
        hidden: list[_Hidden] = []
        for treatment in treatments:
            all_ = [*own, *(conditions[i] for i in treatment.conditions)]
            if treatment.conditions:
                findings.together(all_)
            shown = (treatment.placement, channels.get(treatment.placement))
            if reason := findings.never_shown(all_, *shown):
                hidden.append(_Hidden(treatment, *reason))
        findings.hidden(hidden, everywhere=len(hidden) == len(treatments))


@dataclass(frozen=True, slots=True, eq=False)
class _Condition:
    """A condition, its clauses, how wide its level is (0 the widest) and where it begins."""

    checked: Checked
    clauses: tuple[Clause, ...]

    level: int
    place: Place

    @classmethod
    def of(cls, checked: Checked, clauses: tuple[Clause, ...]) -> "_Condition":
        written = checked.condition
        level = _LEVELS.index(written.level) if written and written.level in _LEVELS else 0
        return cls(checked, clauses, level, checked.scalar.place_of(0))

    @property
    def is_treatment_s(self) -> bool:
        """Whether it is a condition of a treatment."""
        return self.level == _LEVELS.index("treatment")

    def place_of(self, clause: Clause) -> Place:
        return self.checked.scalar.place_of(start(clause.node))

    def named(self) -> str:
        """How others speak of it: `'adult' (policies.yaml:12)`."""
        written = self.checked.condition
        name = (written.name or written.test) if written else ""
        return f"'{name}' ({self.place.file}:{self.place.line})"

    def text_of(self, clause: Clause) -> str:
        """A clause as it is written."""
        text = self.checked.scalar.text
        begin = start(clause.node)
        later = [start(other.node) for other in self.clauses if start(other.node) > begin]
        piece = text[begin : min(later, default=len(text))].rstrip()
        piece = _JOINT.sub("", piece)
        while piece.endswith(")") and piece.count(")") > piece.count("("):
            piece = piece[:-1].rstrip()
        return f"'{shortened(piece, 80)}'"


@dataclass(frozen=True, slots=True)
class _Hidden:
    """A treatment that is never shown, the condition that keeps it out, and with which others."""

    treatment: Treatment
    condition: _Condition
    others: str


@dataclass(slots=True)
class _Findings:
    """What was found so far: the literals that never match, the conditions that cannot be met."""

    search: Search
    report: Report
    _literals: set[tuple[Place, int]] = field(default_factory=set)
    _settled: set[_Condition] = field(default_factory=set)
    _given: dict[tuple[str, str], Want] = field(default_factory=dict)
    _done: set[tuple[_Condition, ...]] = field(default_factory=set)

    # --- one comparison ---------------------------------------------------------------------

    def literals(self, one: Checked, comparisons: Iterable[Comparison]) -> None:
        """Comparisons with something that the subject never is."""
        for compared in comparisons:
            truth = compared.operator != "_!=_"
            if compared.constant.value is None or not self.search.impossible(
                [Want(compared.clause, (truth,))]
            ):
                continue
            self._literals.add((one.scalar.place, compared.constant.offset))
            place = one.scalar.place_of(start(compared.constant))
            self.report.error(place, self._never(compared, one.scalar.text))

    def _never(self, compared: Comparison, text: str) -> str:
        constant = compared.constant
        literal = _literal(constant, text)
        what = f"{_COMPARED.get(compared.operator, '')}{literal}"
        (slot,) = compared.clause.subjects or (None,)
        domain = None if slot is None else self.search.clauses.domains[slot]
        return f"{_subject(compared.subject)} is never {what}{_because(domain, constant)}"

    # --- one condition ----------------------------------------------------------------------

    def alone(self, condition: _Condition) -> None:
        """A condition nobody can meet, or everybody, or with a part that adds nothing."""
        clauses, written = condition.clauses, condition.checked.condition
        if self.search.impossible(true(clauses)):
            self._settled.add(condition)
            if not (written and written.test in _FOR_ANYBODY and _is_literal(clauses)):
                self._never_met(condition)
        elif any(self._has_wrong_literal(condition, clause) for clause in clauses):
            self._settled.add(condition)
        elif all(self._never_turns(clause, _NOT_TRUE) for clause in clauses):
            self._settled.add(condition)
            out = ": it keeps nobody out" if written and written.level != "arbitration" else ""
            self._notice(condition.place, f"this is always true{out}")
        elif all(self._never_turns(clause, (False,)) for clause in clauses):
            reads = condition.checked.expression.reads
            known = f"{' and '.join(reads)} {'is' if len(reads) == 1 else 'are'} known"
            said = f"this is never false: it only asks whether {known}"
            self._notice(condition.place, said)
        else:
            self._parts(condition)

    def _never_met(self, condition: _Condition) -> None:
        clauses = condition.clauses
        kept = core([true([clause]) for clause in clauses], self.search.impossible)
        if any(self._has_wrong_literal(condition, clauses[i]) for i in kept):
            return
        place = condition.place_of(clauses[kept[-1]]) if kept else condition.place
        texts = [condition.text_of(clauses[i]) for i in kept]
        if len(kept) > 1:
            others = " and ".join(texts[:-1])
            self.report.error(place, f"{texts[-1]} is never true together with {others}")
        else:
            self.report.error(place, "this is never true, whoever the customer is")

    def _has_wrong_literal(self, condition: _Condition, clause: Clause) -> bool:
        place = condition.checked.scalar.place
        return any(
            (place, node.offset) in self._literals
            for node in walk(clause.node)
            if isinstance(node, Constant)
        )

    def _never_turns(self, clause: Clause, truths: tuple[bool | None, ...]) -> bool:
        return self.search.impossible([Want(clause, truths)])

    def _parts(self, condition: _Condition) -> None:
        """Parts of a condition that the other parts make superfluous, the later of equals."""
        left = list(condition.clauses)
        for clause in reversed(condition.clauses):
            if len(left) < 2:
                return
            others = [other for other in left if other is not clause]
            if self._never_turns(clause, _NOT_TRUE):
                self._notice(condition.place_of(clause), "this part is always true")
            elif self._follows([clause], others):
                enough = self._enough(clause, [true([other]) for other in others])
                texts = " and ".join(condition.text_of(others[i]) for i in enough)
                said = f"this part adds nothing: it is always so where {texts} is true"
                self._notice(condition.place_of(clause), said)
            else:
                continue
            left = others

    # --- several conditions -----------------------------------------------------------------

    def together(self, conditions: Iterable[_Condition]) -> None:
        """Conditions of one action: those that contradict each other, those that add nothing."""
        ranked = tuple(sorted(conditions, key=lambda one: (one.level, one.place)))
        if ranked in self._done:
            return
        self._done.add(ranked)
        if any(
            one in self._settled and self.search.impossible(true(one.clauses)) for one in ranked
        ):
            return
        related = _related([one for one in ranked if one not in self._settled])
        if not self._contradiction(related):
            self._superfluous(related)

    def never_shown(
        self, conditions: Sequence[_Condition], placement: str, channel: str | None
    ) -> tuple[_Condition, str] | None:
        """Why a treatment whose conditions can be met is never shown in its placement; None if it is.

        The condition that keeps it out, and the names of those it does so together with.
        """
        shown = {"request.channel": channel, "request.placement": placement}
        at = self.search.clauses.attributes
        given = [
            self._given.setdefault((name, text), equal(at[name], text))
            for name, text in shown.items()
            if text and name in at
        ]
        asked = {subject for want in given for subject in want.clause.subjects}
        wants = [true(one.clauses) for one in conditions]
        together = list(chain.from_iterable(wants))
        if not any(asked.intersection(want.clause.subjects) for want in together):
            return None
        if self.search.impossible(together) or not self.search.impossible([*together, *given]):
            return None
        kept = core(wants, lambda some: self.search.impossible([*some, *given]))
        others = " and ".join(conditions[i].named() for i in kept[:-1])
        return conditions[kept[-1]], others

    def hidden(self, hidden: Sequence[_Hidden], *, everywhere: bool) -> None:
        """Treatments of one action that are never shown.

        An error if none of them ever is (`everywhere`), or if the treatment itself asks for it.
        """
        if hidden and everywhere and len({one.condition for one in hidden}) == 1:
            place = hidden[0].condition.place
            said = "no customer can ever get this: nobody meets it where it is shown"
            self.report.error(place, said)
            return
        for one in hidden:
            treatment, place = one.treatment, one.condition.place
            others = f" together with {one.others}" if one.others else ""
            said = (
                f"no customer can ever get '{treatment.treatment_id}': in {treatment.placement} "
                f"nobody meets this{others}"
            )
            if everywhere or one.condition.is_treatment_s:
                self.report.error(place, said)
            else:
                self._notice(place, said)

    def _contradiction(self, conditions: Sequence[_Condition]) -> bool:
        wants = [true(one.clauses) for one in conditions]
        if not self.search.impossible(list(chain.from_iterable(wants))):
            return False
        kept = [conditions[i] for i in core(wants, self.search.impossible)]
        others = " and ".join(one.named() for one in kept[:-1])
        self.report.error(
            kept[-1].place,
            f"no customer can ever get this: nobody meets this together with {others}",
        )
        return True

    def _superfluous(self, conditions: Sequence[_Condition]) -> None:
        """A condition that follows from others of its own level or a wider one."""
        left = list(conditions)
        for one in reversed(conditions):
            others = [other for other in left if other is not one and other.level <= one.level]
            if not self._follows(one.clauses, [c for other in others for c in other.clauses]):
                continue
            left.remove(one)
            enough = sorted(
                {i for c in one.clauses for i in self._enough(c, [true(o.clauses) for o in others])}
            )
            names = " and ".join(others[i].named() for i in enough)
            self._notice(one.place, f"this adds nothing: whoever meets {names} meets it")

    def _follows(self, clauses: Sequence[Clause], others: Sequence[Clause]) -> bool:
        """Whether these clauses are true wherever the others are."""
        return all(
            self.search.impossible([*true(others), Want(clause, _NOT_TRUE)]) for clause in clauses
        )

    def _enough(self, clause: Clause, others: Sequence[Sequence[Want]]) -> list[int]:
        """The indexes of some of the others that a clause already follows from."""
        denied = Want(clause, _NOT_TRUE)
        return core(others, lambda wants: self.search.impossible([*wants, denied]))

    def _notice(self, place: Place, message: str) -> None:
        self.report.notice(f"{place} {message}", place, message)


def _related(conditions: Sequence[_Condition]) -> list[_Condition]:
    """Those that ask for something others ask for, too: only they can say something of each other."""
    used = Counter(
        slot for one in conditions for slot in {s for c in one.clauses for s in c.subjects}
    )
    return [one for one in conditions if any(used[s] > 1 for c in one.clauses for s in c.subjects)]


def _is_literal(clauses: Sequence[Clause]) -> bool:
    return all(isinstance(clause.node, Constant) for clause in clauses)


def _subject(node: Node) -> str:
    match node:
        case Name():
            return node.name.removeprefix(".")
        case Call(function=function) if function.isidentifier():
            return f"{function}()"
        case _:
            return "this"


def _literal(constant: Constant, text: str) -> str:
    """A constant as people write it."""
    value = constant.value
    if constant.type.name in {"timestamp", "duration"}:
        return shortened(
            text[start(constant) :].split("&&", maxsplit=1)[0].split("||", maxsplit=1)[0].strip(),
            40,
        )
    return f"'{value}'" if isinstance(value, str) else str(value)


def _because(domain: Domain | None, constant: Constant) -> str:
    if domain is None:
        return ""
    if (
        domain.kind == "int"
        and isinstance(constant.value, float)
        and not constant.value.is_integer()
    ):
        return ": it is a whole number"
    if domain.range is None:
        return ""
    low, high = domain.range
    return f": it is at least {low:g}" if high >= _ENDLESS else f": it is {low:g} to {high:g}"
