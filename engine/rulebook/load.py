"""Loading a rule book: read all files at one moment, report every mistake, compile what is left."""

from collections.abc import Mapping
from pathlib import Path

from engine.model import Micros
from engine.rulebook.actions import ActionFile, action_ids, read_actions
from engine.rulebook.assembly import Written, assemble, draft, reason_codes
from engine.rulebook.book import Override
from engine.rulebook.cap import keys_of
from engine.rulebook.cases import MEASURED, Cast, read_cases
from engine.rulebook.declarations import read_attributes
from engine.rulebook.levers import LEVERS, LeverReading, read_levers
from engine.rulebook.loaded import Loaded
from engine.rulebook.logic import report_findings
from engine.rulebook.names import Names
from engine.rulebook.nodes import Node
from engine.rulebook.parse import parse
from engine.rulebook.policies import read_policies
from engine.rulebook.report import Mistake, Place, Report, TooManyMistakes, Watch
from engine.rulebook.snapshot import STOPS, Snapshot, snapshot
from engine.rulebook.stops import Stoppable, read_stops
from engine.rulebook.trigger_doubts import remark_triggers
from engine.rulebook.windows import remark_outcomes

__all__ = ["Loaded", "load"]


def load(
    source: Path | Mapping[str, bytes], now: Micros | None = None, watch: Watch | None = None
) -> Loaded:
    """Loads a rule book from a directory, or from file contents by relative path.

    Never raises for what is in the files: every mistake comes back with its place, sorted, and the
    book only if there is none. After `MOST_ERRORS` mistakes it looks no further. The same contents
    always give the same `RuleBook.version`. What has expired by `now` is remarked; by default nothing.
    """
    report = Report(now, watch)
    files = Snapshot({})
    try:
        files = snapshot(source, report)
        return _loaded(files, report)
    except Mistake as mistake:
        report.mistake(mistake)
    except TooManyMistakes:
        pass
    return Loaded(None, report.diagnostics(), files.files)


def _loaded(files: Snapshot, report: Report) -> Loaded:
    """The book and what stands beside it; no book if the report has errors."""
    roots = {path: parse(path, c, report) for path, c in files.files.items() if _is_yaml(path)}
    attributes = read_attributes(_required("attributes.yaml", roots, report), report)
    action_files = [ActionFile(p, root) for p, root in roots.items() if p.startswith("actions/")]
    if not action_files:
        report.error(Place("actions", 1, 1), "there is no file of actions (actions/*.yaml)")
    names = action_ids(action_files, report)
    policies = read_policies(_required("policies.yaml", roots, report), attributes, names, report)
    remark_outcomes(attributes, policies.outcome_names, report)
    actions = read_actions(action_files, policies, attributes, report)
    overrides: Mapping[str, tuple[Override, ...]] = {}
    if LEVERS in files.files:
        reading = LeverReading(actions, names, policies.hierarchy, policies.zone, report)
        overrides = read_levers(LEVERS, files.files[LEVERS], reading)
    declared = attributes.named("request.channel")
    stoppable = Stoppable.of(names, actions, policies, declared.values if declared else ())
    stops = read_stops(roots.get(STOPS), stoppable, report)
    written = Written(files.version, attributes, policies, actions, overrides, stops)
    drafted = draft(written, report)
    triggers = drafted.triggered.triggers
    remark_triggers(policies.triggers, triggers, attributes, policies.outcome_names, report)
    whole = [
        (action, [drafted.treatments[t] for t in action.treatments])
        for action, as_written in zip(drafted.actions, actions, strict=True)
        if as_written.complete
    ]
    channels = {name: placement.channel for name, placement in policies.placements.items()}
    report_findings(drafted.expressions, whole, channels, report)
    cast = Cast(
        attributes=attributes,
        placements=policies.placements,
        placement_names=policies.placement_names,
        outcomes=policies.outcome_names,
        actions=names,
        codes=reason_codes(written, drafted, names.lost),
        caps=keys_of(drafted.caps),
        trials=policies.trial_names,
        measured=Names.of(
            MEASURED, (a.action_id for a in written.actions if a.measured), lost=names.lost
        ),
    )
    cases = [
        case
        for path, root in roots.items()
        if path.startswith("tests/") and root is not None
        for case in read_cases(root, cast, report)
    ]
    if report.errors:
        return Loaded(None, report.diagnostics(), files.files)
    book = assemble(written, drafted, report)
    conditions = tuple(drafted.expressions.condition_sources)
    numbers = tuple(drafted.expressions.number_sources)
    triggering = drafted.triggered.conditions
    return Loaded(
        book, report.diagnostics(), files.files, tuple(cases), conditions, numbers, triggering
    )


def _is_yaml(path: str) -> bool:
    return path.endswith(".yaml")


def _required(path: str, roots: Mapping[str, Node | None], report: Report) -> Node | None:
    if path not in roots:
        report.error(Place(path, 1, 1), "the file is missing")
    return roots.get(path)
