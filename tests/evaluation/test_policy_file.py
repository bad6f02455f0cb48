from pathlib import Path

import polars as pl
import pytest

from engine.errors import InvalidInput
from engine.evaluation.log import Matrix
from engine.evaluation.mapping import Columns
from engine.evaluation.policy_file import read_policy
from engine.evaluation.reading import read_log

COLUMNS = Columns("offer", "reward", "probability", slot="slot")
LOG = pl.DataFrame(
    {
        "offer": ["a", "b", "a"],
        "reward": [1.0, 0.0, 1.0],
        "probability": [0.5, 0.5, 0.5],
        "slot": [1, 2, 1],
        "plan": ["S", None, "M"],
    }
)


def shares(tmp_path: Path, written: str) -> tuple[tuple[str, ...], Matrix]:
    """The actions, and the policy's probabilities for the three choices of `LOG`."""
    path = tmp_path / "policy.csv"
    path.write_text(written)
    policy = read_policy(path, COLUMNS, LOG.columns)
    reading = read_log(LOG, COLUMNS, policy.actions)
    return reading.log.names, policy.over(reading).of_all(reading.log, slice(0, 3))


def test_the_same_probabilities_everywhere(tmp_path: Path) -> None:
    names, table = shares(tmp_path, "offer,probability\na,0.75\nb,0.25\n")
    assert names == ("a", "b")
    assert table.tolist() == [[0.75, 0.25]] * 3


def test_probabilities_that_depend_on_columns_of_the_log(tmp_path: Path) -> None:
    _, table = shares(
        tmp_path, "slot,plan,action,probability\n1,S,a,1\n2,,b,1\n1,M,a,0.5\n1,M,b,0.5\n"
    )
    assert table.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]


def test_an_action_the_log_never_shows(tmp_path: Path) -> None:
    names, table = shares(tmp_path, "action,probability\nnew,1\nold,0\n")
    assert names == ("a", "b", "new")
    assert table.tolist() == [[0, 0, 1]] * 3


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("action,chance\na,1\n", "has no column 'probability'"),
        ("action,probability,paln\na,1,S\n", "the log has no column 'paln'. Did you mean 'plan'?"),
        ("action,probability\na,0.7\nb,0.2\n", "the probabilities sum to 0.9 and not to 1"),
        ("slot,action,probability\n1,a,1\n2,b,2\n", "must be a number from 0 to 1"),
        ("slot,action,probability\n1,a,0.5\n2,b,1\n", "with slot 1 sum to 0.5"),
        ("action,probability\na,likely\n", "must be a number from 0 to 1"),
        ("slot,action,probability\n1,a,1\n", "says nothing about choices with slot 2"),
    ],
)
def test_what_is_no_policy_is_refused(tmp_path: Path, written: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message.replace("?", r"\?")):
        shares(tmp_path, written)
