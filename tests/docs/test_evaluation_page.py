"""The page on evaluation, tried: its mapping and its policy are read as they stand there."""

import re
from pathlib import Path

from engine.evaluation.estimators import ESTIMATORS
from engine.evaluation.mapping import columns_for
from engine.evaluation.policy_file import read_policy

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
HEADER = ["offer", "sold", "p", "position", "user_id", "offered", "user_age", "plan", "weather"]


def box(language: str) -> str:
    [text] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


def test_the_mapping_and_the_policy_of_the_page(tmp_path: Path) -> None:
    mapping, policy = tmp_path / "map.yaml", tmp_path / "policy.csv"
    mapping.write_text(box("yaml"))
    policy.write_text(box("csv"))
    columns = columns_for(HEADER, str(mapping))
    assert columns.context_among(HEADER) == ["user_age", "plan"]
    assert columns.actions == ("a", "b", "c")
    assert read_policy(policy, columns, HEADER).keys == ("plan",)


def test_every_estimator_is_on_the_page() -> None:
    named = set(re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE))
    assert named == set(ESTIMATORS)
