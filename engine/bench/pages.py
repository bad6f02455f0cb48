"""The pages: what is asked for, from what the service says it has and what the operator wants."""

from collections.abc import Sequence

from engine.bench.plan import Page
from engine.errors import InvalidInput, Violation
from engine.rulebook.names import did_you_mean
from engine.wire.rulebook_pb2 import PlacementInfo


def pages(
    known: Sequence[PlacementInfo], wanted: Sequence[str], mix: str, together: int = 1
) -> tuple[Page, ...]:
    """Pages of `together` placements of one channel each, channels weighted as `mix` says.

    `wanted` are placements (all the service has, if empty), `mix` is such as `web=80,ivr=20` (all their
    channels alike, if empty). Placements of a channel are put together in their order; the last page
    may have fewer.

    Raises:
        InvalidInput: a placement or channel the service does not have, a weight that is no positive
            number, or nothing to ask for.
    """
    channels = _by_channel(known, wanted)
    if not channels:
        raise InvalidInput([Violation("--placements", "the service has no placement to ask for")])
    made = []
    for channel, weight in _weights(mix, tuple(channels)).items():
        names = channels[channel]
        starts = range(0, len(names), together)
        made += [
            Page(channel, tuple(names[at : at + together]), weight / len(starts)) for at in starts
        ]
    return tuple(made)


def _by_channel(known: Sequence[PlacementInfo], wanted: Sequence[str]) -> dict[str, list[str]]:
    channel_of = {info.placement: info.channel for info in known}
    channels: dict[str, list[str]] = {}
    for placement in wanted or channel_of:
        if placement not in channel_of:
            hint = did_you_mean(placement, tuple(channel_of))
            raise InvalidInput(
                [Violation("--placements", f"the service has no {placement!r}.{hint}")]
            )
        channels.setdefault(channel_of[placement], []).append(placement)
    return channels


def _weights(mix: str, channels: tuple[str, ...]) -> dict[str, float]:
    if not mix:
        return dict.fromkeys(channels, 1.0)
    weights = {}
    for part in mix.split(","):
        channel, _, weight = (word.strip() for word in part.partition("="))
        if channel not in channels:
            hint = did_you_mean(channel, channels)
            wrong = f"{channel!r} is no channel of the placements asked for ({', '.join(channels)}).{hint}"
            raise InvalidInput([Violation("--mix", wrong)])
        weights[channel] = _positive(weight, part)
    return weights


def _positive(text: str, part: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise InvalidInput([Violation("--mix", f"{part.strip()!r} must be such as web=80")])
    return weight
