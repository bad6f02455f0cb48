import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.features import Feature, FeatureKind, FeatureSchema
from engine.history import OUTCOMES
from engine.learning.encoding import BIAS, Encoding, column_names
from engine.learning.scaling.scaler import Scaler
from engine.model import DAY, Customer, CustomerId, Value
from engine.rulebook.book import Attribute, Kind, Type
from tests.lessons import SCHEMA, rule_book, values_of

NOW = 1_795_000_000_000_000


def customer() -> Customer:
    return Customer(
        CustomerId("ada"),
        counts={"impression": 3, "click": 1},
        last={"impression": NOW - DAY, "click": NOW - 36 * 3600 * 1_000_000},
    )


def test_patterns_choose_among_the_declared_attributes() -> None:
    schema = FeatureSchema.for_book(rule_book("customer.*", "telco.c*"))
    assert schema.names == (
        "customer.age",
        "customer.vip",
        "telco.contract_end",
        "telco.call_length",
    )


def test_the_history_is_seen_where_a_pattern_asks_for_it() -> None:
    names = FeatureSchema.for_book(rule_book("history.*")).names
    each = {f"history.{o}_{m}" for o in OUTCOMES for m in ("count", "days")}
    assert set(names) == each | {"history.last_outcome", "history.last_channel"}
    assert FeatureSchema.for_book(rule_book("history.click_*")).names == (
        "history.click_count",
        "history.click_days",
    )


@pytest.mark.parametrize(
    "attribute",
    [
        Attribute(9, "customer.id", Type(Kind.STRING)),
        Attribute(9, "household.account_id", Type(Kind.STRING)),
        Attribute(9, "customer.mail", Type(Kind.STRING), sensitivity="personal"),
        Attribute(9, "customer.faith", Type(Kind.STRING), ("a", "b"), sensitivity="sensitive"),
        Attribute(9, "customer.old", Type(Kind.BOOL), sensitivity="protected"),
        Attribute(9, "customer.usage", Type(Kind.MAP, Type(Kind.INT))),
        Attribute(9, "customer.scores", Type(Kind.LIST, Type(Kind.INT))),
    ],
    ids=lambda attribute: attribute.name,
)
def test_what_is_protected_or_tells_people_apart_or_is_no_single_value_is_no_feature(
    attribute: Attribute,
) -> None:
    schema = FeatureSchema.for_book(rule_book("*", more=[attribute]))
    assert attribute.name not in schema.names
    assert "now" not in schema.names


def test_an_id_with_declared_values_is_a_category_like_any_other() -> None:
    shop = Attribute(9, "shop.id", Type(Kind.STRING), values=("north", "south"))
    assert "shop.id" in FeatureSchema.for_book(rule_book("*", more=[shop])).names


def test_moments_are_read_as_days_before_the_decision() -> None:
    of = rule_book("telco.*")
    schema = FeatureSchema.for_book(of)
    raw = schema.read(values_of(of, telco__contract_end=NOW + 10 * DAY), customer(), NOW)
    assert raw[schema.names.index("telco.contract_end")] == -10.0
    later = schema.read(
        values_of(of, telco__contract_end=NOW + 40 * DAY), customer(), NOW + 30 * DAY
    )
    assert later == raw


def test_lengths_of_time_are_read_in_days() -> None:
    of = rule_book("telco.call_length")
    raw = FeatureSchema.for_book(of).read(
        values_of(of, telco__call_length=DAY // 2), customer(), NOW
    )
    assert raw == (0.5,)


def test_unknown_and_null_are_both_missing() -> None:
    of = rule_book("customer.age", "telco.spend")
    schema = FeatureSchema.for_book(of)
    assert schema.read(values_of(of, telco__spend=None), customer(), NOW) == (None, None)


def test_history_is_read_from_the_customer() -> None:
    of = rule_book("history.*")
    schema = FeatureSchema.for_book(of)
    raw = dict(zip(schema.names, schema.read(values_of(of), customer(), NOW), strict=True))
    assert raw["history.impression_count"] == 3
    assert raw["history.click_days"] == 1.5
    assert raw["history.accept_count"] == 0
    assert raw["history.accept_days"] is None


def test_raw_features_survive_json() -> None:
    of = rule_book("*")
    schema = FeatureSchema.for_book(of)
    values = values_of(of, customer__age=30, consent__channels=("web",), request__reason="fee")
    raw = schema.read(values, customer(), NOW)
    assert tuple(orjson.loads(orjson.dumps(raw))) == raw


def test_reading_changes_nothing() -> None:
    of = rule_book("*")
    values, ada = values_of(of, customer__age=30, telco__contract_end=NOW), customer()
    before = list(values)
    FeatureSchema.for_book(of).read(values, ada, NOW)
    assert values == before
    assert ada == customer()


def test_one_feature_only_is_read_as_a_tuple_too() -> None:
    of = rule_book("customer.age")
    assert FeatureSchema.for_book(of).read(values_of(of, customer__age=4), customer(), NOW) == (4,)


def test_a_schema_survives_the_journal() -> None:
    schema = FeatureSchema.for_book(rule_book("*"))
    document = orjson.loads(orjson.dumps(schema.to_dict()))
    again = FeatureSchema.from_dict(document)
    assert again == schema
    assert again.digest == schema.digest


def test_the_digest_tells_schemas_apart() -> None:
    age = Feature("customer.age", FeatureKind.NUMBER)
    plan = Feature("plan", FeatureKind.CATEGORY, ("S", "M"))
    schemas = [
        FeatureSchema((age, plan)),
        FeatureSchema((plan, age)),
        FeatureSchema((age,)),
        FeatureSchema((age, Feature("plan", FeatureKind.CATEGORY, ("S", "M", "L")))),
        FeatureSchema((age, Feature("plan", FeatureKind.CATEGORY))),
    ]
    assert len({schema.digest for schema in schemas}) == len(schemas)


# --- encoding ---------------------------------------------------------------------------------


def encoding(*features: Feature, scaler: Scaler | None = None) -> Encoding:
    schema = FeatureSchema(features)
    columns = {name: at for at, name in enumerate(column_names(schema))}
    return Encoding(schema, columns, scaler or Scaler())


def named(encoding: Encoding, *raw: Value) -> dict[str, float]:
    names = column_names(encoding.schema)
    columns, values = encoding.encode(raw, encoding.numbers(raw))
    return {
        names[c]: v / encoding.scale
        for c, v in zip(columns, values, strict=True)
        if names[c] != BIAS
    }


def settled(values: list[float], feature: str = "n") -> Encoding:
    made = encoding(Feature(feature, FeatureKind.NUMBER))
    for at, value in enumerate(values):
        made.learn_one(made.numbers((value,)), at)
    return made


def test_flags_categories_and_sets_become_indicators() -> None:
    made = encoding(
        Feature("vip", FeatureKind.FLAG),
        Feature("plan", FeatureKind.CATEGORY, ("S", "M")),
        Feature("on", FeatureKind.SET, ("web", "ivr")),
    )
    assert named(made, True, "M", ["ivr", "web"]) == pytest.approx(
        {"vip=true": 1, "plan=M": 1, "on=ivr": 1, "on=web": 1}
    )
    assert named(made, False, None, []) == pytest.approx({"vip=false": 1, "plan?": 1})


def test_a_value_nobody_declared_is_another() -> None:
    made = encoding(Feature("plan", FeatureKind.CATEGORY, ("S", "M")))
    assert named(made, "XXL") == pytest.approx({"plan#other": 1})


def test_open_categories_share_a_bounded_number_of_columns() -> None:
    made = encoding(Feature("reason", FeatureKind.CATEGORY))
    used = {next(iter(named(made, f"reason {n}"))) for n in range(1_000)}
    assert len(used) == 32


def test_members_that_share_a_column_count_once() -> None:
    made = encoding(Feature("on", FeatureKind.SET, ("web",)))
    assert named(made, ["fax", "telex", "web"]) == pytest.approx({"on#other": 1, "on=web": 1})


def test_numbers_are_standardised_plain_and_as_logarithms() -> None:
    made = settled([1.0, 3.0, 5.0, 7.0])
    deviation = math.sqrt(5.0)
    logs = [math.log1p(v) for v in (1, 3, 5, 7)]
    mean = sum(logs) / 4
    spread = math.sqrt(sum((v - mean) ** 2 for v in logs) / 4)
    assert named(made, 7.0) == pytest.approx(
        {"n": (7 - 4) / deviation, "n~log": (math.log(8) - mean) / spread}
    )


def test_a_number_seen_for_the_first_time_says_nothing() -> None:
    assert named(encoding(Feature("n", FeatureKind.NUMBER)), 5.0) == {}


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_missing(value: float | None) -> None:
    assert named(settled([1.0, 2.0]), value) == pytest.approx({"n?": 1})


def test_one_wild_value_does_not_wreck_the_scale() -> None:
    values = [float(n % 10) for n in range(100)]
    before, after = named(settled(values), 9.0), named(settled([*values, 1e300]), 9.0)
    assert after["n"] == pytest.approx(before["n"], rel=0.5)


def test_the_length_of_a_vector_does_not_grow_with_the_number_of_features() -> None:
    def squared_length(count: int) -> float:
        made = encoding(*[Feature(f"f{n}", FeatureKind.FLAG) for n in range(count)])
        columns, values = made.encode([True] * count, made.numbers([True] * count))
        return float((values[columns != 0] ** 2).sum())

    assert squared_length(5) == pytest.approx(squared_length(200))


_ANY = st.one_of(
    st.none(), st.floats(), st.integers(-(2**63), 2**63 - 1), st.just(1e308), st.booleans()
)


@given(history=st.lists(_ANY, max_size=60), value=_ANY)
def test_whatever_numbers_come_the_encoding_is_finite_and_small(
    history: list[float], value: float
) -> None:
    made = settled(history)
    columns, values = made.encode((value,), made.numbers((value,)))
    assert len(set(columns)) == len(columns)
    assert all(math.isfinite(v) for v in values)
    assert all(abs(v) <= 4 * made.scale + 1e-9 for v in values[1:])
    assert 0.0 not in values


@given(
    age=_ANY,
    flag=st.sampled_from([True, False, None]),
    plan=st.one_of(st.none(), st.text()),
    spend=_ANY,
    reason=st.one_of(st.none(), st.text()),
    channels=st.one_of(st.none(), st.lists(st.text())),
)
def test_encoding_changes_no_input_and_names_no_column_twice(
    age: float, flag: bool, plan: str, spend: float, reason: str, channels: list[str]
) -> None:
    raw: list[Value] = [age, flag, plan, spend, reason, channels]
    before = repr(raw)
    made = encoding(*SCHEMA.features)
    columns, values = made.encode(raw, made.numbers(raw))
    assert repr(raw) == before
    assert len(set(columns)) == len(columns) == len(values)


def test_a_whole_number_beyond_any_float_counts_as_the_largest() -> None:
    made = settled([1.0, 2.0, 3.0])
    assert named(made, 10**400) == named(made, 1e15)


def test_a_scaler_goes_on_where_it_stood() -> None:
    values = [float(n * n % 17) for n in range(200)]
    made = settled(values)
    again = Scaler()
    again.restore(orjson.loads(orjson.dumps(made._scaler.state())))
    restored = encoding(Feature("n", FeatureKind.NUMBER), scaler=again)
    for at in range(200, 260):
        for one in (made, restored):
            one.learn_one(one.numbers((float(at),)), at)
    assert named(restored, 3.5) == named(made, 3.5)
