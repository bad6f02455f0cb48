"""What Kafka's clients say again and again is read once."""

import logging

from engine.edges.kafka.calm import EVERY, Calm


def said(name: str, message: str, *words: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, words, None)


def test_the_same_complaint_passes_once_in_a_while() -> None:
    now = [0.0]
    calm = Calm(lambda: now[0])
    assert calm.filter(said("aiokafka.client", "cannot reach %s", "a"))
    assert not calm.filter(said("aiokafka.client", "cannot reach %s", "b"))
    assert calm.filter(said("aiokafka.client", "another thing"))
    now[0] = EVERY
    assert calm.filter(said("aiokafka.client", "cannot reach %s", "a"))


def test_others_are_heard_whatever_they_say() -> None:
    calm = Calm(lambda: 0.0)
    assert all(calm.filter(said("engine.edges", "the same")) for _ in range(3))
