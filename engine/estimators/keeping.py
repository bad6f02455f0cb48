"""Keeping: estimators as bytes, for the data directory of this very version of river, and as a digest."""

import io
import pickle
import random
from hashlib import blake2b
from typing import Any, Final

from river import proba

from engine.errors import StorageError
from engine.estimators.estimator import Estimator
from engine.estimators.spec import Spec

_ROOMS: Final = ("river.", "_river_rust.")
_IDLE: Final = random.Random(0)  # noqa: S311  # nothing is ever drawn of it

_NAMES: Final = frozenset(
    {
        ("builtins", "float"),
        ("builtins", "int"),
        ("builtins", "dict"),
        ("builtins", "list"),
        ("copy", "deepcopy"),
        ("builtins", "set"),
        ("builtins", "frozenset"),
        ("collections", "Counter"),
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("collections", "deque"),
        ("functools", "partial"),
        ("random", "Random"),
        ("engine.learning.weights", "LessonLoss"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy.random._pickle", "__randomstate_ctor"),
        ("numpy.random._pickle", "__bit_generator_ctor"),
        ("numpy.random._mt19937", "MT19937"),
        ("river._river_rust.vectordict", "euclidean_distance_tuple"),
        ("river.naive_bayes.gaussian", "GaussianNB._make_gaussian"),
    }
)


def kept(estimator: Estimator) -> bytes:
    """Everything it has learned. Costs about a copy of it."""
    into = io.BytesIO()
    _Pickler(into, pickle.HIGHEST_PROTOCOL).dump(estimator.state)
    return into.getvalue()


def restored(spec: Spec, content: bytes) -> Estimator:
    """The estimator of this spec of which `kept` wrote the content.

    Nothing but what estimators are made of is ever made of these bytes.

    Raises:
        StorageError: they are damaged, or of something else.
    """
    try:
        return Estimator.resumed(spec, _Unpickler(io.BytesIO(content)).load())
    except Exception as error:
        raise StorageError(
            f"model '{spec.name}' cannot be read from the checkpoint: {error}"
        ) from error


def digest(estimator: Estimator) -> str:
    """32 hex digits over everything it has learned: equal for equal estimators, however they came about."""
    found = blake2b(digest_size=16)
    _walk(estimator.state, found, [])
    return found.hexdigest()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, proba.base.Distribution):
            return _reduced(value)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("builtins", "getattr"):
            return _method
        if (module, name) in _NAMES:
            return super().find_class(module, name)
        if f"{module}.".startswith(_ROOMS):
            found = super().find_class(module, name)
            if isinstance(found, type) and f"{found.__module__}.".startswith(_ROOMS):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a model")


def _reduced(value: Any) -> Any:
    """How an object is taken apart; river's distributions do without the chance that they never use.

    They can be sampled, which learning does not do, and each comes with 2.5 kB of random numbers.
    """
    reduced = value.__reduce_ex__(4)
    if isinstance(value, proba.base.Distribution) and value.seed is None:
        made, parts, state = reduced[:3]
        return made, parts, state | {"_rng": _IDLE}
    return reduced


def _method(owner: Any, name: str) -> Any:
    """What stands in for `getattr`: a method of something of river's."""
    found = getattr(owner, name)
    of_river = f"{type(owner).__module__}.".startswith(_ROOMS)
    if name.startswith("__") or not of_river or not callable(found):
        raise pickle.UnpicklingError(f"{name} is no method of a model")
    return found


def _walk(value: Any, into: Any, above: list[int]) -> None:
    """Feeds a value into a hash by what it holds; what holds itself is named by how far above it is."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        into.update(f"{type(value).__name__}:{value!r};".encode())
        return
    if id(value) in above:
        into.update(f"^{len(above) - above.index(id(value))};".encode())
        return
    above.append(id(value))
    into.update(f"{type(value).__qualname__}(".encode())
    for part in _parts(value):
        _walk(part, into, above)
    into.update(b")")
    above.pop()


def _parts(value: Any) -> list[Any]:
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, list | tuple):
        return list(value)
    if type(value) is dict:
        return [part for item in value.items() for part in item]
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return [value.__qualname__]
    return [list(part) if hasattr(part, "__next__") else part for part in _reduced(value)[1:]]
