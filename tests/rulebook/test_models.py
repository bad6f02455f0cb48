"""The key models: what it may say, and what is said of mistakes in it, with their places."""

import pickle

import pytest

from engine.model import DAY
from engine.rulebook.load import load
from engine.rulebook.model_spec import Reward
from tests.rulebook.builders import POLICIES, action, book, files

TREE = "estimator: tree.HoeffdingTreeClassifier"


def written(models: str, more: str = "") -> str:
    return f"{POLICIES}{more}models:\n  default: {{response_window: 7d}}\n{models}"


def said(models: str, more: str = "") -> list[str]:
    """What is said of these models, with the line of the mistake within them (the first is 1)."""
    first = written("", more).count("\n")
    found = load(files(policies=written(models, more))).diagnostics
    return [f"{one.line - first}:{one.column}: {one.message}" for one in found]


def test_the_most_specific_model_is_set_over_an_action() -> None:
    made = book(
        policies=written(
            "  kept: {for: {issues: [retain]}, estimator: naive_bayes.BernoulliNB}\n"
            "  saves: {for: {groups: [save]}, estimator: naive_bayes.MultinomialNB}\n"
            "  one: {for: {actions: [stay]}, estimator: linear_model.PAClassifier}\n"
        )
    )
    over = {str(a.action_id): made.models.of(a.action_id, a.group) for a in made.actions}
    assert over["data_5gb"] is None
    assert over["stay"] is not None
    assert over["stay"].name == "one"
    other = made.models.of("another", "save")
    assert other is not None
    assert other.name == "saves"


def test_a_group_has_its_issues_model_if_it_has_none_of_its_own() -> None:
    made = book(policies=written(f"  kept: {{for: {{issues: [retain]}}, {TREE}}}\n"))
    assert made.models.of("stay", "save") == made.models.others[0]
    assert made.models.of("data_5gb", "bundles") is None


def test_what_a_model_says_is_kept() -> None:
    made = book(
        policies=written(
            "  one:\n"
            "    for: {actions: [stay]}\n"
            "    estimator: linear_model.LogisticRegression\n"
            "    parameters: {optimizer: {AdaGrad: {lr: 0.1}}, l2: 0.001}\n"
            "    features: [customer.*, history.group.save.*]\n"
            "    answers_after: 50\n"
            "    response_window: 3d\n"
            "    outcomes: {click: 0.5, accept: {reward: 1, window: 30d}}\n"
        )
    )
    (spec,) = made.models.others
    assert spec.estimator == "linear_model.LogisticRegression"
    assert spec.parameters == {"optimizer": {"AdaGrad": {"lr": 0.1}}, "l2": 0.001}
    assert spec.features == ("customer.*", "history.group.save.*")
    assert (spec.answers_after, spec.response_window) == (50, 3 * DAY)
    assert spec.outcomes == {"click": Reward(0.5), "accept": Reward(1.0, 30 * DAY)}
    assert pickle.loads(pickle.dumps(made)).models == made.models


def test_a_model_waits_as_long_as_the_default_one_unless_it_says_so() -> None:
    made = book(policies=written(f"  one: {{for: {{actions: [stay]}}, {TREE}}}\n"))
    assert made.models.others[0].response_window == 7 * DAY


def test_outcomes_may_have_windows_of_their_own() -> None:
    made = book(
        policies=POLICIES + "outcomes: {click: 0.2, accept: {reward: 1, window: 30d}, "
        "lost: {reward: null}}\n"
    )
    assert made.outcomes == {"click": 0.2, "accept": 1.0, "lost": None}
    assert made.windows == {"accept": 30 * DAY}


def test_attributes_of_actions_may_be_seen() -> None:
    made = book(
        policies=written(
            f"  one: {{for: {{groups: [bundles]}}, {TREE}, features: [customer.age, action.fam*]}}\n"
        ),
        actions=[action("a", attributes={"family": "data"})],
    )
    assert made.models.others[0].features == ("customer.age",)
    assert made.models.others[0].action_features == ("action.fam*",)


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (
            "  a: {for: {groups: [save]}, estimator: tree.HoefdingTreeClassifier}\n",
            "1:41: 'tree.HoefdingTreeClassifier' is no estimator."
            " Did you mean 'tree.HoeffdingTreeClassifier'?",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: forest.ARFClassifier,\n"
            "      parameters: {n_models: 0}}\n",
            "2:30: 'n_models' is at least 1, found the number 0",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: linear_model.LogisticRegression,\n"
            "      parameters: {optimizer: {AdaGrad: {lr: -1}}}}\n",
            "2:46: 'lr' is at least 1e-09, found the number -1",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: linear_model.LogisticRegression,\n"
            "      parameters: {optimizer: {SGD: {lr: 1.0e+300}}}}\n",
            "2:42: 'lr' is at most 1e+09, found",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: tree.HoeffdingTreeClassifier,\n"
            "      parameters: {split_criterion: gin}}\n",
            "2:19: river cannot make a tree.HoeffdingTreeClassifier of this: Invalid split_criterion",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: os.system}\n",
            "1:41: 'os.system' is no estimator.",
        ),
        (
            f"  a: {{for: {{groups: [sav]}}, {TREE}}}\n",
            "1:22: unknown group 'sav'. Did you mean 'save'?",
        ),
        (
            f"  a: {{for: {{actions: [sta]}}, {TREE}}}\n",
            "1:23: unknown action 'sta'. Did you mean 'stay'?",
        ),
        (f"  a: {{for: {{}}, {TREE}}}\n", "1:12: 'for' names no action, group or issue"),
        (f"  a: {{{TREE}}}\n", "1:3: model 'a' needs the key 'for'"),
        (
            f"  a: {{for: {{groups: [save]}}, {TREE}}}\n"
            f"  b: {{for: {{groups: [bundles, save]}}, {TREE}}}\n",
            "2:31: group 'save' has a model already: 'a'. Name it in one of the two",
        ),
        (
            f"  a: {{for: {{groups: [save]}}, {TREE}, parameters: {{grace_perod: 50}}}}\n",
            "1:84: tree.HoeffdingTreeClassifier has no parameter 'grace_perod'."
            " Did you mean 'grace_period'?",
        ),
        (
            f"  a: {{for: {{groups: [save]}}, {TREE}, parameters: {{grace_period: often}}}}\n",
            "1:98: 'grace_period' is a whole number, found 'often'",
        ),
        (
            f"  a: {{for: {{groups: [save]}}, {TREE}, parameters: {{grace_period: true}}}}\n",
            "1:98: 'grace_period' is a whole number, found true",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: linear_model.PAClassifier,"
            " parameters: {mode: 7}}\n",
            "1:80: river cannot make a linear_model.PAClassifier of this: KeyError: 7",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: linear_model.LogisticRegression,"
            " parameters: {optimizer: Adagrad}}\n",
            "1:98: 'Adagrad' is no optimizer of river's. Did you mean 'AdaGrad'?",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: linear_model.LogisticRegression,"
            " parameters: {optimizer: {AdaGrad: {rate: 0.1}}}}\n",
            "1:109: AdaGrad has no parameter 'rate'.",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: ensemble.BaggingClassifier}\n",
            "1:41: ensemble.BaggingClassifier needs the parameter 'model'",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: ensemble.BaggingClassifier,"
            " parameters: {model: os.system}}\n",
            "1:89: 'os.system' is no estimator of river's.",
        ),
        (
            "  a: {for: {groups: [save]}, estimator: forest.ARFClassifier,"
            " parameters: {n_models: 5000}}\n",
            "1:86: 'n_models' is at most 100, found the number 5000",
        ),
        (
            f"  a: {{for: {{groups: [save]}}, {TREE}, features: [history.clik_count]}}\n",
            "1:82: nothing in the interaction history is called 'history.clik_count'."
            " Did you mean 'history.click_count'?",
        ),
        (
            f"  a: {{for: {{groups: [save]}}, {TREE}, features: [history.group.sav.*]}}\n",
            "1:82: nothing in the interaction history is called 'history.group.sav.*'.",
        ),
        (
            f"  a: {{for: {{groups: [save]}}, {TREE}, features: [action.family]}}\n",
            "1:82: no action of model 'a' has such an attribute: 'action.family'.",
        ),
        (
            f"  a: {{for: {{groups: [save]}}, {TREE}, outcomes: {{clik: 1}}}}\n",
            "1:82: unknown outcome 'clik'. Did you mean 'click'?",
        ),
        (
            f"  a: {{for: {{groups: [save]}}, {TREE}, outcomes: {{click: {{reward: 2}}}}}}\n",
            "1:98: the number 2 is not between 0 and 1",
        ),
        (
            "  a: {for: {groups: [save]}, parameters: {alpha: 1}}\n",
            "1:30: unknown key 'parameters' in model 'a'.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(models: str, expected: str) -> None:
    found = said(models)
    assert len(found) == 1, found
    assert found[0].startswith(expected), found


def test_the_default_model_is_what_it_is() -> None:
    found = load(files(policies=f"{POLICIES}models:\n  default: {{{TREE}}}\n")).diagnostics
    assert "the default model is hierarchical_logistic" in found[0].message
    features = "{features: [action.family]}"
    found = load(files(policies=f"{POLICIES}models:\n  default: {features}\n")).diagnostics
    assert "knows actions by their names" in found[0].message


def test_there_are_so_many_models_at_most() -> None:
    many = [action(f"a{n}") for n in range(40)]
    models = "".join(
        f"  m{n}: {{for: {{actions: [a{n}]}}, response_window: 1d}}\n" for n in range(40)
    )
    found = load(files(policies=written(models), actions=many)).diagnostics
    assert [one.message for one in found] == ["more than 32 models beside the default one"]
