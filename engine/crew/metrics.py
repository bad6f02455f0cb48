"""One story of all servers of a crew: their metrics, each sample with the number of its server."""

from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Final
from urllib.request import urlopen

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from engine.crew.crew import Standing
from engine.settings import Address

LABEL: Final = "server"

_PATIENCE: Final = 2.0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- asked there, not listened on


class CrewMetrics(Collector):
    """What the parent exports: how its servers do, and what each of them exports.

    A server that does not answer is left out, which `attune_server_up` tells.
    """

    def __init__(
        self,
        standings: Mapping[int, Standing],
        places: Mapping[int, Address],
        read: Callable[[Address], str] | None = None,
    ) -> None:
        self._standings = standings
        self._places = places
        self._read = read or fetched

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now. Called from the exporter's thread."""
        up = GaugeMetricFamily("attune_server_up", "1 if the server is ready.", labels=[LABEL])
        restarts = CounterMetricFamily(
            "attune_server_restarts", "How often the server was started again.", labels=[LABEL]
        )
        for number, standing in self._standings.items():
            up.add_metric([str(number)], float(standing.is_ready))
            restarts.add_metric([str(number)], standing.restarts)
        yield up
        yield restarts
        yield from merged(self._answers())

    def _answers(self) -> Iterator[tuple[int, str]]:
        for number, place in self._places.items():
            try:
                yield number, self._read(place)
            except (OSError, HTTPException):
                continue


def merged(answers: Iterator[tuple[int, str]]) -> list[Metric]:
    r"""The families of all servers, each sample with its server's number.

    >>> text = '# TYPE attune_events_total counter\nattune_events_total{status="accepted"} 7.0\n'
    >>> [(sample.labels, sample.value) for sample in merged(iter([(2, text)]))[0].samples]
    [({'status': 'accepted', 'server': '2'}, 7.0)]
    """
    families: dict[str, Metric] = {}
    for number, text in answers:
        for family in text_string_to_metric_families(text):
            whole = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            for sample in family.samples:
                whole.add_sample(sample.name, {**sample.labels, LABEL: str(number)}, sample.value)
    return list(families.values())


def fetched(place: Address) -> str:
    """What a server exports. Raises OSError where it does not answer."""
    at = Address(_EVERYWHERE.get(place.host, place.host), place.port)
    with urlopen(f"http://{at}/metrics", timeout=_PATIENCE) as answer:
        text: bytes = answer.read()
    return text.decode()
