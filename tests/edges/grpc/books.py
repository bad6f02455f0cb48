"""A rule book small enough to read, built by hand: the edge needs no rule files."""

from engine.model import UNKNOWN, ActionId, PlacementId, TreatmentId, Value
from engine.rulebook.book import (
    Action,
    ActionClass,
    Arbitration,
    Attribute,
    Exploration,
    Kind,
    Number,
    Placement,
    RuleBook,
    Treatment,
    Type,
)
from engine.rulebook.model_spec import ModelSpec

STRING = Type(Kind.STRING)

DECLARED: tuple[tuple[str, Type, dict[str, object]], ...] = (
    ("customer.age", Type(Kind.INT), {"range": (0, 130)}),
    ("customer.segment", STRING, {"values": ("mass", "premium", "vip")}),
    ("customer.churn_score", Type(Kind.DOUBLE), {"range": (0, 1)}),
    ("customer.birth_date", Type(Kind.TIMESTAMP), {"nullable": True}),
    ("customer.tenure", Type(Kind.DURATION), {}),
    ("customer.complaint_open", Type(Kind.BOOL), {"default": False}),
    ("customer.name", STRING, {}),
    ("consent.channels", Type(Kind.LIST, STRING), {"values": ("web", "ivr")}),
    ("customer.lucky_numbers", Type(Kind.LIST, Type(Kind.INT)), {}),
    ("usage.by_month", Type(Kind.MAP, Type(Kind.DOUBLE)), {}),
    ("request.channel", STRING, {}),
    ("request.placement", STRING, {}),
    ("request.reason", STRING, {"nullable": True}),
    ("now", Type(Kind.TIMESTAMP), {}),
)

PLACED = {"web.home_hero": ("web", 1), "web.banner": ("web", 3), "ivr.main_prompt": ("ivr", 1)}


def attribute(index: int, name: str, type_: Type, **more: object) -> Attribute:
    """An attribute whose default is null if it may be null, else unknown, unless one is given."""
    absent: Value = None if more.get("nullable") else UNKNOWN
    return Attribute(**({"default": absent} | more | {"index": index, "name": name, "type": type_}))  # type: ignore[arg-type]  # fields by name


def book(version: str = "3f2a" * 16, actions: int = 12) -> RuleBook:
    """`actions` actions a1, a2, … with one treatment in each placement."""
    attributes = tuple(attribute(i, n, t, **more) for i, (n, t, more) in enumerate(DECLARED))
    places = list(PLACED)
    treatments = tuple(
        Treatment(
            index=a * len(places) + p,
            treatment_id=TreatmentId(f"a{a + 1}.{place}"),
            action=a,
            placement=PlacementId(place),
            conditions=(),
            texts={},
            needs=(),
            render=lambda values, texts={"headline": f"Headline {a}", "body": "x" * 60}: texts,  # type: ignore[misc]  # one mapping each, on purpose
        )
        for a in range(actions)
        for p, place in enumerate(places)
    )
    return RuleBook(
        version=version,
        attributes=attributes,
        index={a.name: a.index for a in attributes},
        conditions=(),
        actions=tuple(_action(i, len(places)) for i in range(actions)),
        treatments=treatments,
        placements={
            PlacementId(name): Placement(
                PlacementId(name), channel, slots, {}, {"headline": "Good to see you"}, ()
            )
            for name, (channel, slots) in PLACED.items()
        },
        channels=("web", "app", "ivr"),
        issues=("grow",),
        groups={"bundles": "grow"},
        arbitration=Arbitration(frozenset("PCVL"), (), (), Exploration(), ("id",)),
        outcomes={"impression": 0.0, "click": 0.2, "accept": 1.0},
        model=ModelSpec("hierarchical_logistic", (), 0),
        notices=(),
        source="",
        conditions_of=lambda values: (),
        select_for={},
        numbers_of=lambda values: (),
    )


def _action(index: int, places: int) -> Action:
    return Action(
        index=index,
        action_id=ActionId(f"a{index + 1}"),
        title=f"Action {index + 1}",
        issue="grow",
        group="bundles",
        action_class=ActionClass.PROMOTIONAL,
        valid=(None, None),
        conditions=(),
        opt_out=(),
        contact_policies=(),
        value=Number(1.0),
        lever=1.0,
        attributes={},
        treatments=tuple(range(index * places, (index + 1) * places)),
        file="actions/all.yaml",
        line=1,
    )
