"""Learn: what experts see of a customer beyond the columns that every row has."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zlib import crc32

from engine.experts.bins import Bins
from engine.experts.panel import Panel
from engine.features import FeatureKind, FeatureSchema
from engine.learning.encoding import number_within
from engine.learning.scaling.loops import LARGEST
from engine.model import Value

MOST_VALUES: Final = 4_096
"""So many values of one open category have a column of their own, those that came first."""

_WELL_KNOWN: Final = 1_000
_THINNED: Final = 8


class Details:
    """The details of all schemas: bins of numbers and values of open categories, by feature.

    A detail has a weight for everybody, with the experts that look at details, and none for groups
    and actions, whose rows stay short. It gets its column when something is first learned of it. Of a
    category's value only the CRC-32 is kept.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._bins: dict[str, Bins] = {}
        self._values: dict[str, dict[int, int]] = {}

    def of(self, schema: FeatureSchema) -> "DetailView":
        """The details of one schema's features; schemas share those of features of one name."""
        return DetailView(self, schema)

    def bins_of(self, name: str) -> Bins:
        """The bins of a number."""
        return self._bins.setdefault(name, Bins(self._panel.add_detail))

    def values_of(self, name: str) -> dict[int, int]:
        """The columns of an open category's values, by CRC-32."""
        return self._values.setdefault(name, {})

    def learn_bin(self, bins: Bins, number: float) -> None:
        """Shows the bins of a number one more of it; a new bin has its parent's weights."""
        cut = bins.learn_one(number)
        if cut is not None:
            self._panel.copy_detail(*cut)

    def learn_value(self, columns: dict[int, int], value: int) -> None:
        """Gives a value that is new to a category its column, if there is one left."""
        if value not in columns and len(columns) < MOST_VALUES:
            columns[value] = self._panel.add_detail()

    def state(self) -> dict[str, Any]:
        """Everything learned, as JSON, in the order of names."""
        bins = {name: self._bins[name] for name in sorted(self._bins)}
        values = {name: self._values[name] for name in sorted(self._values)}
        return {
            "bins": {name: cut.state() for name, cut in bins.items() if cut.seen},
            "values": {name: list(known.items()) for name, known in values.items() if known},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up where the details that wrote `state` stood."""
        for name, bins in state["bins"].items():
            self.bins_of(name).restore(bins)
        for name, known in state["values"].items():
            self.values_of(name).update(known)


class DetailView:
    """What is seen in detail of the raw feature values of one schema."""

    def __init__(self, details: Details, schema: FeatureSchema) -> None:
        self._details = details
        named = tuple(enumerate(schema.features))
        self._numbers = tuple(
            (at, details.bins_of(f.name)) for at, f in named if f.kind is FeatureKind.NUMBER
        )
        self._cuts = tuple((at, bins.edges, bins.columns) for at, bins in self._numbers)
        self._open = tuple(
            (at, details.values_of(f.name))
            for at, f in named
            if f.kind is FeatureKind.CATEGORY and not f.values
        )

    def encode(self, raw: Sequence[Any]) -> list[int]:
        """The columns of the details, none twice; what is missing or was never seen has none."""
        found: list[int] = []
        for at, edges, columns in self._cuts:
            number = raw[at]
            if number is None or not columns:
                continue
            if not -LARGEST <= number <= LARGEST:
                number = number_within(number)
                if number is None:
                    continue
            found.append(columns[bisect_left(edges, number)])
        for at, known in self._open:
            value = raw[at]
            if value is not None:
                column = known.get(crc32(str(value).encode()))
                if column is not None:
                    found.append(column)
        return found

    def owners(self) -> dict[int, int]:
        """Of each column the feature it belongs to, as its place in the schema."""
        by_bin = {column: at for at, _, columns in self._cuts for column in columns}
        return by_bin | {column: at for at, known in self._open for column in known.values()}

    def meet(self, raw: Sequence[Value]) -> None:
        """Makes values of open categories known, before they are first learned from."""
        for at, columns in self._open:
            if raw[at] is not None:
                self._details.learn_value(columns, crc32(str(raw[at]).encode()))

    def learn_one(self, raw: Sequence[Value], lesson: int) -> None:
        """Lets the bins see the numbers of the `lesson`-th lesson that they still have need of."""
        enough = _WELL_KNOWN if lesson % _THINNED else math.inf
        for at, bins in self._numbers:
            number = number_within(raw[at]) if bins.seen < enough else None
            if number is not None:
                self._details.learn_bin(bins, number)
