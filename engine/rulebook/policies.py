"""policies.yaml: hierarchy, placements, arbitration and everything else that is not one action's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from engine.rulebook.arbitration import Scope, WrittenArbitration, read_arbitration
from engine.rulebook.attributes import Attributes
from engine.rulebook.book import Placement
from engine.rulebook.bundles import WrittenBundle, read_bundles
from engine.rulebook.caps import Shared, WrittenCap, read_shared_caps
from engine.rulebook.consents import Consents, read_consents
from engine.rulebook.contact import Contact
from engine.rulebook.contact_policies import Known, read_contact
from engine.rulebook.fields import Fields
from engine.rulebook.hierarchy import Hierarchy, Level, Referred, read_hierarchy
from engine.rulebook.model_spec import Reward
from engine.rulebook.models import Known as KnownToModels
from engine.rulebook.models import WrittenModels, read_models
from engine.rulebook.names import Names
from engine.rulebook.nodes import MapNode, Node
from engine.rulebook.outcomes import USUAL, read_outcomes
from engine.rulebook.placements import read_placements
from engine.rulebook.readers import zone
from engine.rulebook.report import Report
from engine.rulebook.stages import Stages, read_stages
from engine.rulebook.trial import TRIAL, Arm, Experiments
from engine.rulebook.trials import (
    WrittenHoldout,
    read_experiments,
    read_holdouts,
)
from engine.rulebook.triggers import WrittenTrigger, read_triggers


@dataclass(frozen=True, slots=True)
class Policies:
    """What policies.yaml says.

    `timezone` is where a day begins and dates are read, unless something more special says otherwise.
    """

    hierarchy: Hierarchy
    stages: Stages
    placements: Mapping[str, Placement]
    placement_names: Names
    arbitration: WrittenArbitration
    contact_policies: Names
    contact: Contact
    bundles: tuple[WrittenBundle, ...]
    outcomes: Mapping[str, Reward]
    outcome_names: Names
    models: WrittenModels
    triggers: tuple[WrittenTrigger, ...] = ()
    caps: tuple[WrittenCap, ...] = ()
    timezone: str = "UTC"
    holdouts: tuple[WrittenHoldout, ...] = ()
    experiments: Experiments = field(default_factory=Experiments)
    trial_names: Names = field(default_factory=lambda: Names(TRIAL, complete=False))

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.timezone)

    consents: Consents = field(default_factory=Consents)


def read_policies(
    root: Node | None, attributes: Attributes, actions: Names, report: Report
) -> Policies:
    """What policies.yaml says; `actions` are the ids found in actions/*.yaml."""
    if root is None:
        return _nothing()
    fields = Fields(root, report, "policies.yaml")
    lost = report.lost_words()
    zone_written = fields.take("timezone", zone, None)
    if zone_written is None and "timezone" in fields:
        zone_written = ZoneInfo("UTC")
    timezone = zone_written.key if zone_written else "UTC"
    whole = root.place.file not in report.lost
    stages = read_stages(fields, attributes)
    consents = read_consents(fields)
    obeyed = Names.of(
        "contact policy",
        _named(root, "contact_policies"),
        lost=lost,
        complete=_stands(fields, "contact_policies", whole),
    )
    hierarchy = read_hierarchy(fields, Referred(obeyed, consents.names, stages))
    placements = read_placements(fields, attributes)
    placement_names = Names.of(
        "placement", placements, complete=_has(root, "placements"), lost=lost
    )
    outcomes = read_outcomes(fields.node("outcomes"), report)
    outcome_names = Names.of(
        "outcome", outcomes, lost=lost, complete=_stands(fields, "outcomes", whole)
    )
    contact = read_contact(fields, Known(attributes, placements, outcome_names, zone_written))
    scope = Scope(attributes, hierarchy, placements, actions, outcome_names, stages)
    policies = Policies(
        hierarchy=hierarchy,
        stages=stages,
        placements=placements,
        placement_names=placement_names,
        arbitration=read_arbitration(fields.node("arbitration"), scope, report),
        contact_policies=obeyed,
        contact=contact,
        consents=consents,
        bundles=read_bundles(fields.node("bundles"), actions, placement_names, report),
        outcomes=outcomes,
        outcome_names=outcome_names,
        models=read_models(
            fields.node("models"),
            KnownToModels(
                attributes, hierarchy, actions, outcome_names, channels_of(attributes, placements)
            ),
            report,
        ),
        triggers=read_triggers(
            fields.node("triggers"), placements, placement_names, zone_written, report
        ),
        caps=read_shared_caps(
            fields.node("caps"),
            Shared(attributes, placements, hierarchy, actions, timezone),
            report,
        ),
        timezone=timezone,
        holdouts=read_holdouts(fields.node("holdouts"), hierarchy, actions, report),
        experiments=read_experiments(fields.node("experiments"), report),
        trial_names=Names.of(
            TRIAL,
            (*_named(root, "holdouts"), *Arm),
            lost=lost,
            complete=_stands(fields, "holdouts", whole),
        ),
    )
    fields.close()
    return policies


def channels_of(attributes: Attributes, placements: Mapping[str, Placement]) -> tuple[str, ...]:
    """The channels of a book: those declared for `request.channel`, else those of its placements."""
    declared = attributes.named("request.channel")
    used = dict.fromkeys(placement.channel for placement in placements.values())
    return (declared.values if declared else ()) or tuple(used)


def _has(root: Node, section: str) -> bool:
    return isinstance(root, MapNode) and isinstance(
        root.entries.get(section, (None, None))[1], MapNode
    )


def _named(root: Node, section: str) -> tuple[str, ...]:
    """The names under a section."""
    node = root.entries.get(section, (None, None))[1] if isinstance(root, MapNode) else None
    return tuple(node.entries) if isinstance(node, MapNode) else ()


def _stands(fields: Fields, section: str, whole: bool) -> bool:
    """Whether a section that may be left out is really meant to be."""
    return fields.stands(section) or (whole and not fields.lost(section))


def _nothing() -> Policies:
    """What is known when policies.yaml cannot be read: nothing may be called unknown."""

    def unknown(kind: str) -> Names:
        return Names(kind, complete=False)

    return Policies(
        hierarchy=Hierarchy(
            Level("all_actions", ""), {}, {}, complete_issues=False, complete_groups=False
        ),
        stages=Stages(),
        placements={},
        placement_names=unknown("placement"),
        arbitration=WrittenArbitration(),
        contact_policies=unknown("contact policy"),
        contact=Contact(),
        bundles=(),
        outcomes={outcome: Reward(worth) for outcome, worth in USUAL.items()},
        outcome_names=unknown("outcome"),
        models=WrittenModels(),
    )
