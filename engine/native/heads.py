"""Heads: the first bytes of offers, the same for all of a treatment, kept as long as its rule book is in use."""

from typing import Final

from engine.native.interpreted import Fixed

_BOOKS: Final = 4


class Heads:
    """What `native.offer_bytes` keeps, for each of the last few rule books: a challenger decides by another one."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, Fixed]] = {}

    def of(self, version: str) -> dict[str, Fixed]:
        """Those of this version of the rule book."""
        kept = self._kept.get(version)
        if kept is None:
            if len(self._kept) >= _BOOKS:
                self._kept = {}
            kept = self._kept.setdefault(version, {})
        return kept
