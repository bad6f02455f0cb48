"""A service whose book sets other models over some actions, through restarts and changes of the book."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from engine.codec import DecisionRecord
from engine.edges.journal.decisions import recorded
from engine.edges.state.rebuild import digest, rebuild, recover
from engine.learning.mind import Mind
from engine.replay.books import KeptBooks
from engine.replay.comparing import Verdict
from engine.replay.taught import taught
from engine.rulebook.book import RuleBook
from tests.comparison.serving import BOOKS
from tests.replay.living import Life, reload, replayed, run_apart

MODELS = """
  keepers:
    for: {issues: [retain]}
    estimator: tree.HoeffdingTreeClassifier
    parameters: {grace_period: 20}
    features: [customer.*, history.*, history.group.save.*]
    answers_after: 3
  bundles:
    for: {groups: [bundles]}
    estimator: naive_bayes.BernoulliNB
    features: [telco.*, history.last_*, history.channel.web.*]
    answers_after: 3
    outcomes: {click: 0.5}
  home:
    for: {groups: [home]}
    estimator: linear_model.LogisticRegression
    parameters: {optimizer: {AdaGrad: {lr: 0.1}}}
    answers_after: 0
"""


def telecom(to: Path, models: str) -> Path:
    """The shipped book, with these models beside the default one."""
    copytree(BOOKS / "telecom", to, dirs_exist_ok=True)
    policies = to / "policies.yaml"
    text = (BOOKS / "telecom" / "policies.yaml").read_text()
    begin = text.index("\nmodels:")
    end = text.index("\n\n", begin)
    policies.write_text(text[:end] + models + text[end:])
    return to


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Three models, a restart, and another estimator in the place of one; to be read only."""
    directory = tmp_path_factory.mktemp("lived")
    life = Life(telecom(directory / "rules", MODELS), directory / "data")

    async def live() -> None:
        async with life.opened() as engine:
            await life.know(engine)
            await life.ask(engine, 60)
        async with life.opened() as engine:
            await life.ask(engine, 30)
            other = MODELS.replace("grace_period: 20", "grace_period: 30")
            telecom(life.rules, other)
            await reload(engine)
            await life.ask(engine, 30)

    run_apart(live())
    return life


def records(life: Life) -> list[DecisionRecord]:
    return list(recorded(life.data / "decisions.db"))


def test_replaying_the_log_from_empty_gives_the_same_models(lived: Life) -> None:
    anew, restored = Mind(), Mind()
    replayed = rebuild(lived.data, teach=anew.teach, register=anew.register)
    found = recover(
        lived.data, teach=restored.teach, register=restored.register, restore=restored.restore
    )
    assert digest(replayed.customers.values()) == digest(found.customers.values())
    assert anew.digest() == restored.digest()


def test_every_propensity_is_the_same_to_the_last_bit_when_learned_again(lived: Life) -> None:
    made = records(lived)
    checks = taught(lived.data, made, KeptBooks(lived.data), lambda *_: None)
    assert {check.verdict for check in checks.values()} == {Verdict.EQUAL}
    assert len({record.decision.schema for record in made}) == 2


def test_every_decision_can_be_made_again(lived: Life) -> None:
    assert {one.verdict for one in replayed(lived)} == {Verdict.EQUAL}


def test_the_models_really_answered(lived: Life) -> None:
    """Had they not, some propensities would have been others."""
    kept = KeptBooks(lived.data)

    def by_default_alone(version: str) -> RuleBook:
        book = kept(version)
        silent = tuple(replace(spec, answers_after=10**9) for spec in book.models.others)
        return replace(book, models=replace(book.models, others=silent))

    checks = taught(lived.data, records(lived), by_default_alone, lambda *_: None)
    assert Verdict.DIFFERS in {check.verdict for check in checks.values()}
