import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from engine.cli.backtest import backtest

app = typer.Typer()
app.command()(backtest)

ROWS = "plan;age;answer\n" + "".join(
    f"{'SML'[n % 3]};{20 + n % 40};{'yes' if n % 3 == 0 else 'no'}\n" for n in range(300)
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "calls.csv"
    path.write_text(ROWS)
    return str(path)


def test_json_has_the_promised_keys(file: str) -> None:
    result = run(file, "--target", "answer=yes", "--format", "json")
    report = json.loads(result.stdout)
    assert {"auc", "log_loss", "constant_log_loss", "rows", "us_per_row"} <= report.keys()
    assert report["rows"] == 300
    assert report["auc"] > 0.9


def test_text_is_for_people(file: str) -> None:
    result = run(file, "--target", "answer=yes", "--sep", ";", "--drop", "age")
    assert result.exit_code == 0
    assert "300 rows, 1 features" in result.stdout
    assert "ROC AUC" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "answer=si"], "answer is never 'si'"),
        (["--target", "answer=yes", "--sep", "ab"], "--sep: 'ab' is not one ASCII character"),
        (["--target", "answer=yes", "--drop", "pln"], "Did you mean 'plan'?"),
        (
            ["--target", "answer=yes", "--estimator", "naive_bayes.BernouliNB"],
            "--estimator: 'naive_bayes.BernouliNB' is no estimator."
            " Did you mean 'naive_bayes.BernoulliNB'?",
        ),
        (
            ["--target", "answer=yes", "--estimator", "os.system", "--parameters", "{command: ls}"],
            "--estimator: 'os.system' is no estimator.",
        ),
        (
            [
                *("--target", "answer=yes", "--estimator", "naive_bayes.BernoulliNB"),
                *("--parameters", "{alpa: 1}"),
            ],
            "--parameters: naive_bayes.BernoulliNB has no parameter 'alpa'. Did you mean 'alpha'?",
        ),
        (
            ["--target", "answer=yes", "--parameters", "{}"],
            "--parameters: means something with --estimator only",
        ),
        (
            ["--target", "answer=yes", "--estimator", "hierarchical_logistic"],
            "the default model is judged without --estimator",
        ),
        (
            [
                *("--target", "answer=yes", "--treatment", "plan=S"),
                *("--estimator", "naive_bayes.BernoulliNB"),
            ],
            "--estimator: cannot be given together with --treatment",
        ),
    ],
)
def test_mistakes_end_with_one_and_a_sentence(
    file: str, arguments: list[str], message: str
) -> None:
    result = run(file, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""


def test_a_missing_file_ends_with_one_and_a_sentence() -> None:
    result = run("nowhere.csv", "--target", "a=b")
    assert result.exit_code == 1
    assert "there is no such file" in result.stderr


def test_tab_may_be_written_as_a_word(tmp_path: Path) -> None:
    path = tmp_path / "calls.tsv"
    path.write_text(ROWS.replace(";", "\t"))
    assert run(str(path), "--target", "answer=yes", "--sep", "tab").exit_code == 0


CAMPAIGN = "plan,age,mail,visit\n" + "".join(
    f"{'SML'[n % 3]},{20 + n % 41},{'yes' if n % 2 else 'no'},{int(n % 7 == 0 or (n % 2 and n % 3 == 0))}\n"
    for n in range(600)
)


@pytest.fixture
def campaign(tmp_path: Path) -> str:
    path = tmp_path / "mail.csv"
    path.write_text(CAMPAIGN)
    return str(path)


def test_uplift_as_json_has_the_promised_figures(campaign: str) -> None:
    arguments = ["--target", "visit=1", "--treatment", "mail=yes", "--value", "10", "--cost", "0.5"]
    result = run(campaign, *arguments, "--test", campaign, "--format", "json")
    report = json.loads(result.stdout)
    assert {"qini", "auuc", "irr", "nir", "conclusions", "remarks"} <= report.keys()
    assert (report["learned"], report["held_out"]) == (600, 600)
    assert report["prices"] == {"value": 10.0, "cost": 0.5}
    brought = report["contest"]["treat_uplift"]["earnings"]
    successes = brought["treated_successes"] - brought["control_successes"]
    assert report["nir"] == pytest.approx(10 * successes - 0.5 * brought["treated"])


def test_uplift_as_text_is_for_people(campaign: str) -> None:
    result = run(campaign, "--target", "visit=1", "--treatment", "mail=yes")
    assert result.exit_code == 0
    for word in ("Qini", "AUUC", "IRR", "NIR", "by response", "at random", "95 % intervals"):
        assert word in result.stdout
    assert "learned in one pass, each judged by models that did not learn from it" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--treatment", "mial=yes"], "--treatment: there is no column 'mial'"),
        (["--treatment", "mail=si"], "mail is never 'si'"),
        (["--treatment", "mail=yes", "--value", "0"], "--value: 0 is no amount above 0"),
        (["--treatment", "mail=yes", "--value", "nan"], "--value: nan is no amount above 0"),
        (["--treatment", "mail=yes", "--cost", "-1"], "--cost: -1 is no amount of 0 or more"),
        (["--treatment", "mail=yes", "--action", "plan"], "--action: cannot be given together"),
        (["--treatment", "mail=yes", "--test", "nowhere.csv"], "there is no such file"),
        (["--value", "10"], "--value: means something with --treatment only"),
    ],
)
def test_mistakes_about_a_campaign_end_with_one_and_a_sentence(
    campaign: str, arguments: list[str], message: str
) -> None:
    result = run(campaign, "--target", "visit=1", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "estimator",
    ["naive_bayes.BernoulliNB", "linear_model.LogisticRegression", "forest.ARFClassifier"],
)
def test_any_classifier_of_river_can_be_judged_instead(file: str, estimator: str) -> None:
    result = run(file, "--target", "answer=yes", "--estimator", estimator, "--format", "json")
    report = json.loads(result.stdout)
    assert report["rows"] == 300
    assert report["auc"] > 0.7
    assert report["log_loss"] < report["constant_log_loss"]
