"""Outlook: whether it pays to work out, while a store is asked, what follows if nothing has changed."""

from typing import Final

_WEIGHT: Final = 1 / 32
_OFTEN: Final = 0.75


class Outlook:
    """How often customers turn out to be as they were last seen: an exponential average of the last few dozen.

    What was worked out for a customer who has changed is lost, and the store's answer has waited for it. So it
    pays only where that is rare.

    >>> outlook = Outlook()
    >>> for _ in range(10): outlook.note(hit=False)
    >>> outlook.pays
    False
    """

    __slots__ = ("_hits",)

    def __init__(self) -> None:
        self._hits = 1.0

    @property
    def pays(self) -> bool:
        """Whether to work it out, where nobody else could use the time."""
        return self._hits > _OFTEN

    def note(self, *, hit: bool) -> None:
        """One who had been seen before was as last seen, or not."""
        self._hits += _WEIGHT * (hit - self._hits)
