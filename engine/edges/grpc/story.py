"""Story: the answer of a decision that explains itself, encoded a little at a time."""

import asyncio
from collections.abc import Callable, Mapping

from engine.edges.grpc.answers import encode_candidate, join_trace
from engine.model import Trace
from engine.running.slices import slice_of


async def with_story(
    plain: bytes, trace: Trace, before: Mapping[str, float], clock: Callable[[], float]
) -> bytes:
    """The serialized answer with its trace behind it; others are answered meanwhile.

    `before` are the microseconds of what came before the engine. `clock` is monotonic, in seconds.
    """
    began, candidates, over = clock(), list[bytes](), slice_of(clock)
    for candidate in trace.candidates:
        candidates.append(encode_candidate(candidate))
        if over():
            await asyncio.sleep(0)
            over = slice_of(clock)
    encoding = (clock() - began) * 1e6
    return plain + join_trace(candidates, {**before, **trace.timings_us, "encode": encoding})
