"""The rule language: CEL, checked by the official checker and compiled to Python for serving.

Checking needs `cel_expr_python` (14 MB), which is imported when the first `Environment` is built;
what serves decisions only needs `load` and the runtime.
"""

from engine.rulebook.cel.environment import Environment, Expect, Expression
from engine.rulebook.cel.load import generate, load
from engine.rulebook.cel.mistakes import Problem

__all__ = ["Environment", "Expect", "Expression", "Problem", "generate", "load"]
