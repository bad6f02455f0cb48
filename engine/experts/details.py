"""Learn: what experts see of a customer beyond the columns that every row has."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zlib import crc32

import numpy as np

from engine.experts.binning.bins import Bins
from engine.experts.binning.loops import BinningLoops, Indexes, Numbers
from engine.experts.panel import Panel
from engine.features import FeatureKind, FeatureSchema
from engine.learning.encoding import WELL_KNOWN, enough
from engine.model import Value

MOST_VALUES: Final = 4_096
"""So many values of one open category have a column of their own, those that came first."""


class Details:
    """The details of all schemas: bins of numbers and values of open categories, by feature.

    A detail has a weight for everybody, with the experts that look at details, and none for groups
    and actions, whose rows stay short. It gets its column when something is first learned of it. Of a
    category's value only the CRC-32 is kept.
    """

    def __init__(self, panel: Panel, loops: BinningLoops) -> None:
        self._panel = panel
        self._values: dict[str, dict[int, int]] = {}
        self.bins = Bins(panel.add_detail, panel.copy_detail, loops)

    def of(self, schema: FeatureSchema) -> "DetailView":
        """The details of one schema's features; schemas share those of features of one name."""
        return DetailView(self, schema)

    def values_of(self, name: str) -> dict[int, int]:
        """The columns of an open category's values, by CRC-32."""
        return self._values.setdefault(name, {})

    def learn_value(self, columns: dict[int, int], value: int) -> None:
        """Gives a value that is new to a category its column, if there is one left."""
        if value not in columns and len(columns) < MOST_VALUES:
            columns[value] = self._panel.add_detail()

    def state(self) -> dict[str, Any]:
        """Everything learned, as JSON, in the order of names."""
        values = {name: self._values[name] for name in sorted(self._values)}
        return {
            "bins": self.bins.state(),
            "values": {name: list(known.items()) for name, known in values.items() if known},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up where the details that wrote `state` stood."""
        self.bins.restore(state["bins"])
        for name, known in state["values"].items():
            self.values_of(name).update(known)


class DetailView:
    """What is seen in detail of the raw feature values of one schema."""

    def __init__(self, details: Details, schema: FeatureSchema) -> None:
        self._details = details
        self._bins = details.bins
        named = tuple(enumerate(schema.features))
        self._numbers = [(at, f.name) for at, f in named if f.kind is FeatureKind.NUMBER]
        self._lines = np.array(
            [details.bins.line_of(name) for _, name in self._numbers], dtype=np.intp
        )
        self._is_well_known = False
        self._open = tuple(
            (at, details.values_of(f.name))
            for at, f in named
            if f.kind is FeatureKind.CATEGORY and not f.values
        )

    def encode(self, raw: Sequence[Any], numbers: Numbers) -> Indexes:
        """The columns of the details, none twice; what is missing or was never seen has none.

        `numbers` are those among the `raw` values, in their order; what is not finite is missing.
        """
        if not self._open:
            return self._bins.find(numbers, self._lines)
        known = self._values_known(raw)
        found = self._bins.find(numbers, self._lines, room=len(known))
        found[len(found) - len(known) :] = known
        return found

    def _values_known(self, raw: Sequence[Any]) -> list[int]:
        """The columns of the values of open categories."""
        found: list[int] = []
        for at, known in self._open:
            value = raw[at]
            if value is not None:
                column = known.get(crc32(str(value).encode()))
                if column is not None:
                    found.append(column)
        return found

    def owners(self) -> dict[int, int]:
        """Of each column the feature it belongs to, as its place in the schema."""
        columns_of = self._bins.columns_of
        by_bin = {column: at for at, name in self._numbers for column in columns_of(name)}
        return by_bin | {column: at for at, known in self._open for column in known.values()}

    def meet(self, raw: Sequence[Value]) -> None:
        """Makes values of open categories known, before they are first learned from."""
        for at, columns in self._open:
            if raw[at] is not None:
                self._details.learn_value(columns, crc32(str(raw[at]).encode()))

    def learn_one(self, numbers: Numbers, lesson: int) -> None:
        """Lets the bins see the numbers of the `lesson`-th lesson that they still have need of."""
        most = enough(lesson)
        if self._is_well_known and most <= WELL_KNOWN:
            return
        self._bins.learn_one(numbers, self._lines, most)
        if most > WELL_KNOWN and not self._is_well_known:
            self._is_well_known = self._bins.least_seen(self._lines) >= WELL_KNOWN
