"""What is told of a decision from its record is what the service told when it made it."""

from pathlib import Path

import pytest

from engine.edges.journal.decisions import recorded
from engine.model import CandidateTrace, Decision, Reason, Stage
from engine.replay.books import KeptBooks
from engine.replay.replay import Replay
from engine.replay.witnesses import witnesses
from tests.replay.living import Life, scarce

TOLD_AGAIN = ("contact_policy.", "limit.")


def limited(candidate: CandidateTrace) -> list[Reason]:
    return [reason for reason in candidate.reasons if reason.code.startswith(TOLD_AGAIN)]


def candidates(decision: Decision) -> dict[tuple[str, str], CandidateTrace]:
    assert decision.trace
    return {(c.placement, c.action_id): c for c in decision.trace.candidates}


@pytest.mark.parametrize("name", ["telecom", "bank"])
async def test_ranks_factors_and_reasons_are_those_of_then(tmp_path: Path, name: str) -> None:
    life = Life(scarce(name, tmp_path / "rules"), tmp_path / "data")
    async with life.opened() as engine:
        await life.know(engine)
        await life.ask(engine, 120, explain=True)
    replay = Replay(KeptBooks(life.data))
    told_again = 0
    for live, record in zip(life.decisions, recorded(life.data / "decisions.db"), strict=True):
        again = replay.again(live.rulebook_version)
        saw = witnesses(life.data, record, again.book)
        made = candidates(again.decide(record, explain=True, witnesses=saw))
        for key, then in candidates(live).items():
            now = made[key]
            if any(reason.code == "placement.taken" for reason in now.reasons):
                continue  # limits were not asked about it any more, and said so all the same
            assert (now.rank, now.treatment_id, now.factors) == (
                then.rank, then.treatment_id, then.factors,
            )  # fmt: skip
            assert [r for r in now.reasons if r.stage < Stage.CONSENT_AND_CONTACT] == [
                r for r in then.reasons if r.stage < Stage.CONSENT_AND_CONTACT
            ]
            if reasons := limited(now):
                assert reasons == limited(then)
                told_again += 1
    assert told_again > 20


async def test_without_the_history_the_policies_are_named(tmp_path: Path) -> None:
    life = Life(scarce("telecom", tmp_path / "rules"), tmp_path / "data")
    async with life.opened() as engine:
        await life.know(engine)
        await life.ask(engine, 120)
    replay = Replay(KeptBooks(life.data))
    told = [
        reason
        for record in recorded(life.data / "decisions.db")
        for candidate in candidates(
            replay.again(record.decision.rulebook_version).decide(record, explain=True)
        ).values()
        for reason in candidate.reasons
        if "kept it back" in reason.detail or "no room was left" in reason.detail
    ]
    assert {Stage.CONSENT_AND_CONTACT, Stage.CAPS_AND_BUDGETS} <= {r.stage for r in told}
    assert all(": " in reason.detail for reason in told)
