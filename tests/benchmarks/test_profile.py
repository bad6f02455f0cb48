"""The profile: what it reads, what it reckons from that, and one real run."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks.profile.__main__ import main
from benchmarks.profile.bounds import EMBEDDED, IN_REDIS, Target, bounds
from benchmarks.profile.cost import Cost, Round, cost
from benchmarks.profile.rounds import STEP
from benchmarks.profile.stages import DECISION, staged
from benchmarks.profile.table import Told, drawn, limits, markdown, profile
from benchmarks.profile.threads import LOOP, Thread, Used, since, threads
from benchmarks.targets.process import cpu_seconds
from engine.model import Degradation, Step
from engine.running.pages import page
from engine.stages import STAGES
from engine.telemetry import Metrics

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
TICKS = os.sysconf("SC_CLK_TCK")


# --- what is read --------------------------------------------------------------------------------


def task(proc: Path, number: int, comm: str, busy: int = 0, user: int = 0, system: int = 0) -> None:
    """A thread of process 7, as the kernel tells of it."""
    entry = proc / "7" / "task" / str(number)
    entry.mkdir(parents=True)
    (entry / "comm").write_text(f"{comm}\n")
    (entry / "schedstat").write_text(f"{busy} 2000 5\n")
    (entry / "stat").write_text(f"{number} ({comm}) S {'0 ' * 10}{user} {system} 0 0\n")
    (entry / "status").write_text(
        "Name:\tx\nvoluntary_ctxt_switches:\t11\nnonvoluntary_ctxt_switches:\t3\n"
    )


def test_threads_are_told_by_name_and_the_first_is_the_loops(tmp_path):
    task(tmp_path, 7, "python")
    task(tmp_path, 8, "a (b) c", busy=3_000_000_000, user=2 * TICKS, system=TICKS)
    task(tmp_path, 9, "python")
    found = threads(7, tmp_path)
    assert {number: thread.name for number, thread in found.items()} == {
        7: LOOP, 8: "a (b) c", 9: "unnamed",
    }  # fmt: skip
    assert found[8].used == Used(3.0, 2e-6, 2.0, 1.0, 11)
    assert found[8].used.in_kernel == pytest.approx(1 / 3)


def test_a_thread_that_ends_while_it_is_looked_at_is_left_out(tmp_path):
    task(tmp_path, 7, "python")
    task(tmp_path, 8, "gone")
    (tmp_path / "7/task/8/schedstat").unlink()
    assert set(threads(7, tmp_path)) == {7}


def test_who_began_meanwhile_counts_from_nothing_and_one_name_counts_together():
    before = {1: Thread(LOOP, Used(1.0)), 2: Thread("pool", Used(2.0)), 3: Thread("gone", Used())}
    after = {
        1: Thread(LOOP, Used(1.5)), 2: Thread("pool", Used(2.25)), 4: Thread("pool", Used(0.5)),
    }  # fmt: skip
    assert since(before, after) == {LOOP: Used(0.5), "pool": Used(0.75)}


@on_linux
def test_a_process_is_told_its_own_processor_time():
    before, own, after = (
        cpu_seconds(os.getpid()),
        time.process_time(),
        cpu_seconds(os.getpid()),
    )
    assert before <= own <= after


def test_the_page_of_metrics_tells_the_stages_of_all_channels():
    metrics = Metrics()
    metrics.staged("web", (0.5, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0))
    before = staged(page("/metrics", metrics, "", "").body.decode())
    metrics.staged("web", (0.25,) * 7)
    metrics.staged("ivr", (0.5,) * 7)
    metrics.waited("web", 9.0)
    after = staged(page("/metrics", metrics, "", "").body.decode())
    assert (before.answered, before.seconds["encode"]) == (1, 16.0)
    assert after.since(before) == (2, 0, dict.fromkeys(STAGES, 0.75))


def test_steps_left_out_are_counted():
    metrics = Metrics()
    metrics.decided("web", 0.1, [Degradation(Step.PROPENSITY, "late")])
    before = staged(page("/metrics", metrics, "", "").body.decode())
    metrics.decided("web", 0.1, [Degradation(Step.PROPENSITY, "late"), Degradation(Step.CAPS, "")])
    after = staged(page("/metrics", metrics, "", "").body.decode())
    assert (before.degraded, after.since(before).degraded) == (1, 2)


def test_a_service_that_has_not_decided_has_answered_nothing():
    assert staged(page("/metrics", Metrics(), "", "").body.decode()).answered == 0


# --- what is reckoned ----------------------------------------------------------------------------


def spent(p50: float = 1e-4, processor: float = 0.0, stage: float = 0.0, log: float = 0.0) -> Round:
    """Ten questions of so many seconds each, all stages alike, the loop without anything besides them."""
    stages = dict.fromkeys(STAGES, 10 * stage) if stage else {}
    loop = Used(10 * (processor - log), 0.01, 3.0, 1.0, 20)
    used = {LOOP: loop, "decisions": Used(10 * log, 0.0, 1.0, 0.0, 5)}
    return Round(10, p50, 0.001, 10 * processor, used, stages)


def test_a_cost_is_the_mean_of_all_questions_in_microseconds():
    rounds = [spent(1e-4, 200e-6, 10e-6, 50e-6), spent(3e-4, 400e-6, 30e-6, 150e-6)]
    found = cost("decide", 16, rounds)
    assert found.asked == 20
    assert found.p50 == pytest.approx(200)
    assert found.processor == pytest.approx(300)
    assert found.in_kernel == pytest.approx(300 * 2 / 10)
    assert found.loop == pytest.approx(200)
    assert found.loop_in_kernel == pytest.approx(50)
    assert found.threads == {"decisions": pytest.approx(100)}
    assert found.stages == dict.fromkeys(STAGES, pytest.approx(20))
    assert found.decision == pytest.approx(20 * len(DECISION))
    assert found.rest == pytest.approx(200 - 20 * len(STAGES))
    assert (found.loop_waits, found.other_waits) == (2.0, 0.5)
    assert found.client == pytest.approx(100)
    overlapping = cost("decide", 16, rounds, frozenset({"profile"}))
    assert overlapping.rest == pytest.approx(200 - 20 * (len(STAGES) - 1))


def test_nothing_asked_has_no_cost():
    with pytest.raises(ValueError, match="nothing was asked by stream"):
        cost("stream", 1, [])


def costs(echo: Round, ours: Round) -> list[Cost]:
    """Of a way like the echo's, and the echo's, both at any number under way."""
    return [
        cost(way, under_way, [one])
        for under_way in (1, 16)
        for way, one in (("echo", echo), ("decide", ours))
    ]


seconds = st.floats(1e-6, 1e-2)
LIMITS = (Target("capacity", "decide", 0.65, is_capacity=True), Target("p50", "decide", 0.8))


@given(echo=seconds, rest=seconds, stage=seconds, log=seconds)
def test_a_target_is_met_where_deciding_takes_no_more_than_it_may(echo, rest, stage, log):
    whole = rest + len(STAGES) * stage
    found = bounds(costs(spent(echo, echo), spent(whole + log, whole + log, stage, log)), LIMITS)
    for one in found:
        left = one.may_take - one.takes
        assert one.met == (left >= 0) or left == pytest.approx(0, abs=1e-6)
    capacity, p50 = found
    assert capacity.unlogged is not None
    assert capacity.measured < capacity.free < capacity.unlogged
    assert p50.free < p50.measured
    assert p50.unlogged is None


@given(echo=seconds, rest=seconds, stage=seconds)
def test_a_decision_that_takes_what_it_may_is_just_fast_enough(echo, rest, stage):
    ours = rest + len(STAGES) * stage
    for one, target in zip(
        bounds(costs(spent(echo, echo), spent(ours, ours, stage)), LIMITS), LIMITS, strict=True
    ):
        then = ours + (one.may_take - one.takes) * 1e-6
        ratio = echo / then if target.is_capacity else then / echo
        assert ratio == pytest.approx(target.limit)


def test_what_a_server_works_out_while_it_waits_counts_as_deciding():
    apart = costs(spent(100e-6, 100e-6), spent(300e-6, 300e-6, 10e-6))
    [told] = bounds(apart, [Target("p50", "decide", 1.35)], {"decide": 120.0})
    assert told.takes == 120.0
    assert told.free == pytest.approx(1.8)
    assert told.verdict == "short even were it free"
    [less] = bounds(apart, [Target("p50", "decide", 2.8)], {"decide": 20.0})
    assert less.takes == pytest.approx(40)
    assert less.verdict == "20 µs too slow"
    [met] = bounds(apart, [Target("p50", "decide", 3.5)])
    assert met.verdict == "met"


def test_targets_are_those_of_the_table_of_targets():
    assert [(target.way, target.limit) for target in (*EMBEDDED, *IN_REDIS)] == [
        ("decide", 0.65), ("stream", 1.2), ("decide", 1.2), ("stream", 0.8),
        ("decide", 1.35), ("stream", 0.95),
    ]  # fmt: skip


def test_the_tables_have_a_figure_for_each_column_and_none_where_there_is_none():
    found = costs(spent(100e-6, 100e-6), spent(300e-6, 300e-6, 10e-6, 30e-6))
    told = profile("in process", found)
    assert told.columns[1:3] == ["echo, one at a time", "Decide, one at a time"]
    rows = dict(told.rows)
    assert all(len(figures) == 4 for figures in rows.values())
    assert rows["the thread “decisions”"] == ["0.0", "30.0", "0.0", "30.0"]
    assert rows["all other threads"] == ["0.0"] * 4
    deep = "\N{NO-BREAK SPACE}" * 4
    assert rows[f"{deep}parse"] == ["", "10.0", "", "10.0"]
    assert rows["p50 of the client's wait"] == ["100.0", "300.0", "", ""]
    overlapping = profile("x", [cost("decide", 16, [spent(stage=1e-5)], frozenset({"profile"}))])
    assert [dict(overlapping.rows)[f"{deep}profile"], dict(overlapping.rows)[f"{deep}rules"]] == [
        [""], ["10.0"],
    ]  # fmt: skip
    alike = profile("in process", found[:2])
    assert (alike.title, alike.columns[1:]) == ("in process, one at a time", ["echo", "Decide"])
    terminal = Console(width=80, file=io.StringIO(), record=True)
    longest = Target("p50: DecideStream, in Redis", "decide", 0.95)
    terminal.print(drawn(limits(bounds(found, (*LIMITS, longest)))))
    assert {"capacity", "0.33", "40", "short", "even", "free", "DecideStream,"} <= set(
        terminal.export_text().split()
    )
    lines = markdown(limits(bounds(found, LIMITS))).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {8}


def test_a_table_as_markdown():
    assert markdown(Told("x", ["a", "b"], [("c", ["1"])])) == "| a | b |\n|---|---:|\n| c | 1 |\n"


# --- the command ---------------------------------------------------------------------------------


def refused(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    monkeypatch.setattr(sys, "argv", ["profile", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_elsewhere_than_on_linux_it_says_so(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "only Linux has" in str(refused(monkeypatch))


@on_linux
def test_without_brokers_it_says_how_to_get_them(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "make brokers-install" in str(refused(monkeypatch, "--redis"))


@pytest.mark.parametrize("words", [("--calls", "17"), ("--calls", "0"), ("--rounds", "x")])
def test_what_cannot_be_asked_is_refused(monkeypatch, capsys, words):
    assert refused(monkeypatch, *words) == 2
    assert words[1] in capsys.readouterr().err


@on_linux
def test_a_run_tells_of_every_question_and_every_thread(tmp_path):
    into, rounds, calls = tmp_path / "told" / "profile.md", 2, STEP
    command = [sys.executable, "-m", "benchmarks.profile", "--format", "json"]
    command += ["--rounds", str(rounds), "--calls", str(calls), "--into", str(into)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    by_way = {(one["way"], one["under_way"]): one for one in told["embedded"]}
    first = rounds  # a stream asks one more before it begins
    assert {way: one["asked"] for way, one in by_way.items()} == {
        ("echo", 1): rounds * calls, ("echo", 16): 2 * rounds * calls,
        ("decide", 1): rounds * calls, ("decide", 16): 2 * rounds * calls,
        ("stream", 1): rounds * calls + first, ("stream", 16): 2 * rounds * calls + first,
    }  # fmt: skip
    for (way, _), one in by_way.items():
        assert one["processor"] > 0
        assert one["loop"] > 0
        assert one["client"] > 0
        assert len(one["p50s"]) == rounds
        assert list(one["stages"]) == ([] if way == "echo" else list(STAGES))
        if way != "echo":
            assert 0 < sum(one["stages"].values()) < one["loop"]  # both by one thread's own clock
            assert {"decisions", "journal", "rulebook-watch", "pages"} <= set(one["threads"])
            assert one["threads"]["decisions"] > 0
            assert all(one["stages"][stage] > 0 for stage in DECISION)
    assert [one["what"] for one in told["bounds"]] == [target.what for target in EMBEDDED]
    assert into.read_text().count("\n| p50: Decide") == 2
