"""Telling: an evaluation as a table and a sentence, for people."""

from typing import Final

from engine.evaluation.evaluate import HEADLINE, Difference, Estimate, Evaluation
from engine.evaluation.intervals import Interval
from engine.evaluation.policies import Logged, Policy

TITLES: Final = {
    "logged": "the log itself",
    "ips": "IPS",
    "snips": "self-normalised IPS",
    "dm": "direct method",
    "dr": "doubly robust",
    "switch-dr": "switch-DR",
    "dr-shrunk": "DR with shrinkage",
}
"""How the estimators are called in the literature."""

_COLUMNS: Final = "{:<22}{:>10}   {:<22}{:<22}{:>9}{:>11}"


def table(evaluation: Evaluation) -> str:
    """The estimates, one a line; those too little of the log speaks for are marked."""
    heads = ("", "value", "95 % (bootstrap)", "95 % (Bernstein)", "rows", "uncovered")
    lines = [_COLUMNS.format(*heads).rstrip()]
    lines += [_line(estimate) for estimate in (*evaluation.estimates, evaluation.logged)]
    if not all(estimate.reliable for estimate in evaluation.estimates):
        lines += [
            "",
            "? says little: few rows weigh on the policy, or the reward model answers alone",
        ]
    return "\n".join(lines)


def conclusion(evaluation: Evaluation, policy: Policy) -> str:
    """What may be concluded, or that nothing may and why, in sentences."""
    if isinstance(policy, Logged):
        earned = _with_interval(evaluation.logged)
        return f"The policy that wrote the log earns {earned} a choice."
    if evaluation.refusals:
        why = "\n".join(f"- {reason}" for reason in evaluation.refusals)
        return (
            f"No conclusion: the log cannot tell what this policy would earn.\n{why}\n"
            "A log in which chance gives its actions more of a share would tell."
        )
    return (
        f"{_verdict(evaluation.difference)} The policy would earn"
        f" {_with_interval(evaluation.headline)} a choice"
        f" where the log earned {evaluation.logged.value:.4g}:"
        f" a difference of {evaluation.difference.value:+.4g}"
        f" ({_span(evaluation.difference.interval, '+.4g')}), by {TITLES[HEADLINE]}."
    )


def _verdict(difference: Difference) -> str:
    if not difference.clear:
        return "No clear difference."
    return "Clearly more." if difference.value > 0.0 else "Clearly less."


def _line(estimate: Estimate) -> str:
    bernstein = "" if estimate.bernstein is None else _span(estimate.bernstein)
    rows = f"{estimate.effective_rows:,.0f}" if estimate.effective_rows else ""
    cells = (
        TITLES[estimate.estimator],
        f"{estimate.value:.4g}",
        _span(estimate.bootstrap),
        bernstein,
        rows,
        f"{estimate.uncovered:.0%}",
    )
    return _COLUMNS.format(*cells).rstrip() + ("" if estimate.reliable else " ?")


def _with_interval(estimate: Estimate) -> str:
    return f"{estimate.value:.4g} ({_span(estimate.bootstrap)})"


def _span(interval: Interval, form: str = ".4g") -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"
