"""The sealed token: it comes back whole, or not at all."""

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.capsule import KEY_FILE, Capsules, open_capsules
from engine.errors import InvalidInput, StorageError
from engine.model import (
    UNKNOWN,
    ActionId,
    CustomerId,
    Decision,
    DecisionId,
    Exposure,
    Offer,
    PlacementId,
    PlacementOffers,
    TreatmentId,
    Value,
)

ANNA = CustomerId("anna")
KEY, OTHER = bytes(32), bytes(range(32))


def decision(
    *actions: str, features: list[Value] | None = None, fallback: bool = False
) -> Decision:
    """Offers of the actions in one placement, the nth with probability 1/n."""
    shown = [
        Offer(ActionId(a), TreatmentId(f"{a}.web"), "grow", "bundles", n, 1.5, 0.25, 4.5, 1 / n, {})
        for n, a in enumerate(actions, 1)
    ]
    return Decision(
        decision_id=DecisionId("d1"),
        customer_id=ANNA,
        request_id="",
        channel="web",
        decided_at=1_790_000_000_000_000,
        seed=7,
        placements=[PlacementOffers(PlacementId("web.banner"), shown, fallback)],
        rulebook_version="v1",
        model_version="m1",
        holdout="",
        degraded=(),
        values=(),
        features=features,
        schema="s1",
    )


def violation(error: pytest.ExceptionInfo[InvalidInput]) -> tuple[str, str]:
    [(field, description)] = error.value.violations
    return field, description


def test_what_was_sealed_is_what_is_opened() -> None:
    features: list[Value] = [0.1 + 0.2, True, 3, "vip", None, UNKNOWN, "unknown", -0.0]
    capsules = Capsules(KEY)
    token = capsules.seal(decision("a1", "a2", "a3", features=features))
    assert capsules.open(token, ANNA, ActionId("a2")) == Exposure(
        decision_id=DecisionId("d1"),
        action_id=ActionId("a2"),
        group="bundles",
        channel="web",
        placement=PlacementId("web.banner"),
        decided_at=1_790_000_000_000_000,
        probability=0.5,
        propensity=0.25,
        schema="s1",
        features=features,
    )


values = st.one_of(
    st.none(),
    st.just(UNKNOWN),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)


@given(st.lists(values))
def test_features_come_back_exactly_with_their_types(features: list[Value]) -> None:
    capsules = Capsules(KEY)
    token = capsules.seal(decision("a1", features=features))
    again = capsules.open(token, ANNA, ActionId("a1")).features
    assert again == features
    assert [type(v) for v in again or ()] == [type(v) for v in features]


def test_sealing_leaves_the_decision_as_it_was() -> None:
    features: list[Value] = [UNKNOWN, 1]
    Capsules(KEY).seal(decision("a1", features=features))
    assert features == [UNKNOWN, 1]


def test_a_decision_the_model_was_not_asked_about_has_no_features() -> None:
    capsules = Capsules(KEY)
    assert capsules.open(capsules.seal(decision("a1")), ANNA, ActionId("a1")).features is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_token_changed_anywhere_is_refused(at: int, change: int) -> None:
    capsules = Capsules(KEY)
    token = bytearray(capsules.seal(decision("a1")))
    token[at % len(token)] ^= change
    with pytest.raises(InvalidInput) as error:
        capsules.open(bytes(token), ANNA, ActionId("a1"))
    assert violation(error)[0] == "response.token"


@given(st.binary(max_size=100))
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(InvalidInput, match="no token of this service"):
        Capsules(KEY).open(garbage, ANNA, ActionId("a1"))


@pytest.mark.parametrize("length", [0, 4, 5, 16, 17, 32, 33])
def test_a_token_cut_short_is_refused(length: int) -> None:
    capsules = Capsules(KEY)
    with pytest.raises(InvalidInput):
        capsules.open(capsules.seal(decision("a1"))[:length], ANNA, ActionId("a1"))


def test_a_token_of_another_service_is_refused() -> None:
    with pytest.raises(InvalidInput) as error:
        Capsules(OTHER).open(Capsules(KEY).seal(decision("a1")), ANNA, ActionId("a1"))
    assert "no token of this service" in violation(error)[1]


def test_a_token_of_another_customer_is_refused() -> None:
    capsules = Capsules(KEY)
    with pytest.raises(InvalidInput) as error:
        capsules.open(capsules.seal(decision("a1")), CustomerId("berta"), ActionId("a1"))
    assert violation(error) == ("response.token", "belongs to another customer's decision")


def test_an_action_that_was_not_offered_is_refused_naming_those_that_were() -> None:
    capsules = Capsules(KEY)
    with pytest.raises(InvalidInput) as error:
        capsules.open(capsules.seal(decision("a1", "a2")), ANNA, ActionId("a9"))
    assert violation(error) == (
        "response.action_id",
        "'a9' was not offered by this decision; it offered a1, a2",
    )


def test_a_fallback_offers_no_action() -> None:
    capsules = Capsules(KEY)
    with pytest.raises(InvalidInput, match="no action, only the fallback"):
        capsules.open(capsules.seal(decision("", fallback=True)), ANNA, ActionId(""))


def test_no_two_seals_share_a_nonce_also_across_the_counters_end() -> None:
    capsules = Capsules(KEY)
    capsules._counter = 2**32 - 3
    nonces = [capsules.seal(decision("a1"))[5:17] for _ in range(6)]
    assert len(set(nonces)) == 6
    assert len({nonce[:8] for nonce in nonces}) == 2


def test_retired_keys_open_and_no_longer_seal() -> None:
    old, new = Capsules(OTHER), Capsules(KEY, OTHER)
    assert new.open(old.seal(decision("a1")), ANNA, ActionId("a1")).decision_id == "d1"
    with pytest.raises(InvalidInput):
        old.open(new.seal(decision("a1")), ANNA, ActionId("a1"))


def test_a_data_directory_keeps_its_key(tmp_path: Path) -> None:
    token = open_capsules(tmp_path).seal(decision("a1"))
    assert open_capsules(tmp_path).open(token, ANNA, ActionId("a1")).action_id == "a1"
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_two_directories_have_two_keys(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    token = open_capsules(tmp_path / "one").seal(decision("a1"))
    with pytest.raises(InvalidInput):
        open_capsules(tmp_path / "two").open(token, ANNA, ActionId("a1"))


def test_a_new_first_line_rotates_the_key(tmp_path: Path) -> None:
    token = open_capsules(tmp_path).seal(decision("a1"))
    path = tmp_path / KEY_FILE
    path.write_text(base64.b64encode(OTHER).decode() + "\n" + path.read_text())
    rotated = open_capsules(tmp_path)
    assert rotated.open(token, ANNA, ActionId("a1")).decision_id == "d1"
    assert (
        Capsules(OTHER).open(rotated.seal(decision("a1")), ANNA, ActionId("a1")).action_id == "a1"
    )


@pytest.mark.parametrize("content", ["", "not base64!", base64.b64encode(b"short").decode()])
def test_a_key_that_is_none_is_said_so(tmp_path: Path, content: str) -> None:
    (tmp_path / KEY_FILE).write_text(content)
    with pytest.raises(StorageError, match=r"token\.key: holds something other than"):
        open_capsules(tmp_path)


def test_a_directory_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read or created"):
        open_capsules(tmp_path / "nowhere")
