"""The calibration loop: work that never changes, to tell a slower machine from slower code.

It does what deciding does much of: calls, dictionaries and floats in Python, and a product in numpy.
"""

from typing import Final

import numpy as np

_NAMES: Final = [f"name{number}" for number in range(64)]
_MATRIX: Final = np.linspace(0.0, 1.0, 200 * 30).reshape(200, 30)


def loop() -> float:
    """The sum it comes to, the same everywhere.

    >>> f"{loop():.6f}"
    '6524.000000'
    """
    known = {name: float(place) for place, name in enumerate(_NAMES)}
    total = 0.0
    for name in _NAMES * 4:
        value = known[name]
        total += value * 0.5 if value > 31.5 else value
    vector = np.full(30, 0.5)
    return total + float((_MATRIX @ vector).sum())
