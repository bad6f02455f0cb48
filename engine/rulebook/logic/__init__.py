"""What follows from conditions alone: those that nobody can meet, that everybody meets, that add nothing.

Only what is certain is said. See `clauses` for how an expression is made finite, `search` for how it is
decided and `findings` for what is told.
"""

from engine.rulebook.logic.findings import report_findings

__all__ = ["report_findings"]
