"""How fast experts, trust and stacks move; the same for both ways the loops are written.

Whoever changes one of these changes it in `engine/native/loops.c`, too; a test compares them.
"""

from typing import Final

AGILITY: Final = 0.5
"""By how much a nat of loss lowers the logarithm of trust (η of Vovk's aggregating algorithm)."""

LOYALTY: Final = 1.0 - 1e-4
"""What trust keeps of itself in each lesson; the rest is shared out anew (Herbster & Warmuth 1998)."""

BOUND: Final = 8.0
"""No single lesson counts for more nats than this."""

UNREST: Final = (1e-9, 3e-5)
"""By how much a stack's variances grow in each lesson: one hardly forgets, one follows change."""

RESTLESS: Final = 10.0
"""By how much faster the variance of its offset grows: rates change sooner than what they depend on."""

SURELY: Final = 1e-3
"""An expert's curvature is at least this, however sure it is."""

IMAGINED: Final = 2.0
"""With so many labels of nobody's the rate begins."""

RAREST: Final = 1e-6
"""The rate counts as at least this far from 0 and 1."""
