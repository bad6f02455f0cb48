"""Stages: what a service's page of metrics says of how long each stage of its decisions took."""

from collections import defaultdict
from typing import Final, NamedTuple
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from engine.stages import STAGES

DECISION: Final = ("rules", "score", "arbitrate", "record")
"""The stages that are deciding; the others any server has, whatever it answers."""

_FAMILY: Final = "attune_stage_seconds"
_DEGRADED: Final = "attune_degraded"
_PATIENCE: Final = 30.0


class Staged(NamedTuple):
    """How many decisions were answered so far, and the seconds all of them spent in each of `STAGES`.

    `degraded` is how many steps were left out in them.
    """

    answered: int
    degraded: int
    seconds: dict[str, float]

    def since(self, before: "Staged") -> "Staged":
        """What came after `before`."""
        seconds = {stage: took - before.seconds[stage] for stage, took in self.seconds.items()}
        degraded = self.degraded - before.degraded
        return Staged(self.answered - before.answered, degraded, seconds)


def staged(page: str) -> Staged:
    """What such a page says, all channels together."""
    found: defaultdict[tuple[str, str], float] = defaultdict(float)
    degraded = 0
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if family.name == _FAMILY:
                found[sample.name.removeprefix(_FAMILY), sample.labels["stage"]] += sample.value
            elif family.name == _DEGRADED:
                degraded += int(sample.value)
    seconds = {stage: found["_sum", stage] for stage in STAGES}
    return Staged(int(found["_count", STAGES[-1]]), degraded, seconds)


def read(address: str) -> Staged:
    """What the service says whose metrics are at this address."""
    with urlopen(f"http://{address}/metrics", timeout=_PATIENCE) as page:
        return staged(page.read().decode())
