"""An e-mail experiment in thirds: what one arm alone would earn must be what that arm earned."""

from pathlib import Path

import numpy as np
import pytest

from engine.backtest.table import read_table
from engine.evaluation.evaluate import evaluate
from engine.evaluation.mapping import Columns
from engine.evaluation.policies import Tabled
from engine.evaluation.reading import read_log

DATA = Path(__file__).parents[3] / "shared/data/hillstrom/hillstrom-email.csv.gz"
CONTEXT = ("recency", "history", "mens", "womens", "zip_code", "newbie", "channel")

pytestmark = pytest.mark.skipif(not DATA.is_file(), reason=f"needs {DATA}")


@pytest.mark.parametrize(
    ("reward", "earned"), [("visit", 0.1828), ("conversion", 0.0125), ("spend", 1.423)]
)
def test_mail_for_men_to_everybody(reward: str, earned: float) -> None:
    columns = Columns("segment", reward, "", context=CONTEXT, constant=1 / 3)
    log = read_log(read_table(DATA), columns).log
    everybody = np.zeros((1, len(log.names)))
    everybody[0, log.names.index("Mens E-Mail")] = 1.0
    evaluation = evaluate(log, Tabled(everybody, np.zeros(len(log), np.intp)))
    assert not evaluation.refusals
    assert evaluation.difference.clear
    for estimate in evaluation.estimates:
        assert estimate.value == pytest.approx(earned, rel=0.03)
        assert estimate.bootstrap.covers(earned)
