"""The steps of a challenge, and the file that keeps them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.challenger.plan import Plan
from engine.edges.rules.plan_file import PLAN, read_plan, write_plan
from engine.errors import DamagedData, InvalidInput

SHADOW = Plan.started("autumn", "/rules/autumn", now=1)
SHARE = SHADOW.to_share(0.1, now=2)
REPLACED = SHARE.to_everybody(now=3)


def test_back_goes_the_way_that_was_come() -> None:
    assert REPLACED.back() == SHARE
    assert SHARE.back() == SHADOW
    assert SHADOW.back() is None


def test_another_share_is_no_further_step() -> None:
    assert SHARE.to_share(0.3, now=4).back() == SHADOW
    assert SHARE.to_share(0.3, now=4).since == 4


def test_promoted_from_the_shadow_it_goes_back_to_the_shadow() -> None:
    assert SHADOW.to_everybody(now=2).back() == SHADOW


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_no_share_of_nobody_or_everybody(share: float) -> None:
    with pytest.raises(InvalidInput, match="above 0 and below 1"):
        SHADOW.to_share(share, now=2)


def test_who_decides_for_everybody_cannot_go_further() -> None:
    with pytest.raises(InvalidInput, match="already"):
        REPLACED.to_everybody(now=4)
    with pytest.raises(InvalidInput, match="go back"):
        REPLACED.to_share(0.1, now=4)


@pytest.mark.parametrize("name", ["", "Autumn", "a+b", "a.b", "1st", "a" * 41])
def test_a_name_can_stand_in_a_label(name: str) -> None:
    with pytest.raises(InvalidInput, match="small letters"):
        Plan.started(name, "/rules", now=1)


@pytest.mark.parametrize("sample", [0.0, 1.1, float("nan")])
def test_a_sample_is_a_share(sample: float) -> None:
    with pytest.raises(InvalidInput, match="--sample"):
        Plan.started("autumn", "/rules", now=1, sample=sample)


@given(
    st.lists(st.one_of(st.floats(0.001, 0.999), st.just("promote"), st.just("back")), max_size=8)
)
def test_whatever_was_planned_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, steps: list[float | str]
) -> None:
    data, plan = tmp_path_factory.mktemp("data"), SHADOW
    for now, step in enumerate(steps, 2):
        try:
            if step == "promote":
                plan = plan.to_everybody(now)
            elif step == "back":
                plan = plan.back() or plan
            else:
                plan = plan.to_share(float(step), now)
        except InvalidInput:
            continue
    write_plan(data, plan)
    assert read_plan(data) == plan
    assert [path.name for path in data.iterdir()] == [PLAN]


def test_without_a_file_there_is_no_challenger(tmp_path: Path) -> None:
    assert read_plan(tmp_path) is None
    write_plan(tmp_path, SHADOW)
    write_plan(tmp_path, None)
    assert read_plan(tmp_path) is None


def test_a_plan_half_written_is_none(tmp_path: Path) -> None:
    write_plan(tmp_path, SHADOW)
    (tmp_path / f"{PLAN}.new").write_text('{"layout": 1, "na')
    assert read_plan(tmp_path) == SHADOW
    write_plan(tmp_path, SHARE)
    assert read_plan(tmp_path) == SHARE


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_plan(tmp_path, SHADOW)
    assert (tmp_path / PLAN).stat().st_mode & 0o777 == 0o600


WHOLE = '{"layout": 1, "name": "autumn", "rules": "/r", "sample": 0.1, "steps": [%s]}'


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"layout": 2}',
        WHOLE % "",
        WHOLE % '["share", 1, 0.1]',
        WHOLE % '["shadow", "today", 0]',
        WHOLE % '["shadow", 1, 0], ["shadow", 2, 0]',
        WHOLE % '["shadow", 1, 0], ["share", 2, 1.5]',
        WHOLE % '["shadow", 1, 0], ["replaced", 2, 0], ["share", 3, 0.1]',
        WHOLE.replace("autumn", "a+b") % '["shadow", 1, 0]',
    ],
)
def test_a_plan_that_could_not_be_made_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / PLAN).write_text(content)
    with pytest.raises(DamagedData, match="makes no sense"):
        read_plan(tmp_path)
