"""Whether a worker lives, whether it is ready, and what it tells Prometheus."""

from dataclasses import dataclass, replace

import pytest
from aiokafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from engine.edges.stream.bedside import told
from engine.edges.stream.group import NOBODY, Share, Standing
from engine.edges.stream.inbox import Progress
from engine.edges.stream.vitals import SILENT_AFTER, STALLED_AFTER, Vitals
from engine.edges.stream.watch import Seen
from engine.triggers.outreach import Tally

HERE = TopicPartition("t.events", 0)
THERE = TopicPartition("t.events", 1)


@dataclass
class Part:
    """Something of a worker that may have to wait."""

    waiting: bool = False


def seen(here: str = "me", stalled: float = 0.0) -> Seen:
    shares = {HERE: Share(9, 5, here), THERE: Share(7, 7, "another")}
    standing = Standing(shares, dead=3)
    return Seen(100.0, standing, standing.owned("me"), stalled, rejoined=2)


def vitals(of: Seen, now: float = 101.0) -> Vitals:
    progress = Progress(new=11, repeated=2, dead=1, lessons=4, retried=5, batches=6, seconds=0.5)
    return Vitals(of, progress, [Part()], lambda: True, lambda: 8, lambda: now)


def test_a_worker_at_work_lives_and_is_ready() -> None:
    assert told(vitals(seen()), "/live") == (200, "text/plain; charset=utf-8", b"yes\n")
    assert told(vitals(seen()), "/ready").status == 200


@pytest.mark.parametrize(
    ("ill", "said"),
    [
        (vitals(seen(), now=101 + SILENT_AFTER), b"nothing has moved in it for 61 s"),
        (vitals(seen(stalled=STALLED_AFTER + 1)), b"nothing was committed for 31 s"),
    ],
    ids=["its event loop stands", "it does not get on"],
)
def test_a_worker_that_does_nothing_any_more_does_not_live(ill: Vitals, said: bytes) -> None:
    for question in ("/live", "/ready"):
        answer = told(ill, question)
        assert answer.status == 503
        assert said in answer.body


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (vitals(Seen(100.0)), b"Kafka cannot be asked"),
        (replace(vitals(seen()), redis_is_up=lambda: False), b"Redis is away"),
        (replace(vitals(seen()), parts=[Part(), Part(True)]), b"holds what Redis or Kafka"),
        (vitals(seen(here=NOBODY)), b"being divided"),
    ],
)
def test_a_worker_that_waits_for_others_lives_and_is_not_ready(
    waiting: Vitals, said: bytes
) -> None:
    assert told(waiting, "/live").status == 200
    answer = told(waiting, "/ready")
    assert answer.status == 503
    assert said in answer.body


def test_a_worker_that_has_not_begun_lives_and_is_not_ready() -> None:
    assert told(None, "/live").status == 200
    assert told(None, "/ready").status == 503
    assert told(None, "/metrics").body == b""


def figures(of: Vitals) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(told(of, "/metrics").body.decode())
        for sample in family.samples
    }


def test_the_figures_are_those_the_worker_keeps() -> None:
    assert figures(vitals(seen(stalled=7.0))) == {
        ("attune_worker_lag_records", ("0", "t.events")): 4,
        ("attune_worker_stalled_seconds", ()): 7,
        ("attune_worker_kafka_up", ()): 1,
        ("attune_worker_redis_up", ()): 1,
        ("attune_worker_partitions_without_owner", ()): 0,
        ("attune_worker_rule_books", ()): 1,
        ("attune_dead_letters", ()): 3,
        ("attune_worker_events_total", ("new",)): 11,
        ("attune_worker_events_total", ("repeated",)): 2,
        ("attune_worker_events_total", ("dead",)): 1,
        ("attune_worker_lessons_total", ()): 4,
        ("attune_worker_batches_total", ()): 6,
        ("attune_worker_batch_seconds_total", ()): 0.5,
        ("attune_worker_retries_total", ()): 5,
        ("attune_worker_rebalances_total", ()): 8,
        ("attune_worker_rejoins_total", ()): 2,
    }


def test_a_partition_nobody_has_and_a_kafka_that_is_away_can_be_seen() -> None:
    nobodys = figures(vitals(seen(here=NOBODY)))
    assert nobodys["attune_worker_partitions_without_owner", ()] == 1
    away = figures(vitals(Seen(100.0)))
    assert away["attune_worker_kafka_up", ()] == 0
    assert ("attune_worker_lag_records", ("0", "t.events")) not in away


def test_workers_with_different_books_can_be_seen() -> None:
    mixed = figures(replace(vitals(seen()), books=lambda: 2))
    assert mixed["attune_worker_rule_books", ()] == 2


def test_what_became_of_triggers_is_told_where_they_are_heard() -> None:
    deaf = told(vitals(seen()), "/metrics").body
    hearing = replace(vitals(seen()), triggers=Tally(published=3, unanswered=2, rested=1))
    heard = told(hearing, "/metrics").body.decode()
    assert b"attune_worker_triggers" not in deaf
    assert 'attune_worker_triggers_total{result="published"} 3.0' in heard
    assert 'attune_worker_triggers_total{result="nothing_to_offer"} 2.0' in heard
