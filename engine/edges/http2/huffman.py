"""Huffman: how header texts are shortened on the wire (RFC 7541, section 5.2 and appendix B)."""

from functools import lru_cache
from itertools import chain, repeat
from typing import Final, TypeAlias

_LENGTHS: Final = (
    "13 23 28x7 24 30 28x2 30 28x8 30 28x9 6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10"
    " 13 6 7x22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6x3 5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28 20 22"
    " 20x2 22x3 23 22 23x5 24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24 22 21 20 22x2 23x2 21 23 22x2"
    " 24 21 22 23x2 21x2 22 21 23 22 23x2 20 22x3 23 22x2 23 26x2 20 19 22 23 22 25 26x3 27x2 26 24 25"
    " 19 21 26 27x2 26 27 24 21x2 26x2 28 27x3 20 24 20 21 22 21x2 23 22x2 25x2 24x2 26 23 26 27 26x2"
    " 27x5 28 27x5 26 30"
)
"""Bits of the code of each octet and of the end of a text (256), as `bits` or `bits`x`how many in a row`."""

_END: Final = 256
_KEPT: Final = 1_024
_MEMORABLE: Final = 256
_STEPS: Final = 1 << 16

_Begun: TypeAlias = tuple[int, int]
"""The length in bits of a code that has begun, and its value so far."""

_NOTHING: Final = (0, 0)


class BadText(ValueError):
    """A text that no encoder writes."""


def _symbols() -> dict[tuple[int, int], int]:
    """The symbol of each code, by the code's length in bits and its value.

    The code is canonical: codes of one length are in the order of their symbols, longer ones follow.
    """
    runs = (run.partition("x") for run in _LENGTHS.split())
    lengths = chain.from_iterable(repeat(int(bits), int(count or 1)) for bits, _, count in runs)
    symbols: dict[tuple[int, int], int] = {}
    code, before = 0, 0
    for bits, symbol in sorted((bits, symbol) for symbol, bits in enumerate(lengths)):
        code <<= bits - before
        symbols[bits, code] = symbol
        code, before = code + 1, bits
    return symbols


_SYMBOLS: Final = _symbols()


def decode(coded: bytes) -> bytes:
    """The text; short ones are remembered. Raises `BadText` if it is none.

    >>> decode(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff"))
    b'www.example.com'
    """
    return _remembered(coded) if len(coded) <= _MEMORABLE else _decode(coded)


def _decode(coded: bytes) -> bytes:
    text = bytearray()
    begun = _NOTHING
    for octet in coded:
        found, begun = _step(begun, octet)
        text += found
    bits, code = begun
    if bits > 7 or code != (1 << bits) - 1:
        raise BadText("a text is not filled up with ones")
    return bytes(text)


_remembered: Final = lru_cache(_KEPT)(_decode)


@lru_cache(_STEPS)
def _step(begun: _Begun, octet: int) -> tuple[bytes, _Begun]:
    """What the next octet completes after what had begun before it, and what begins in it."""
    text = bytearray()
    bits, code = begun
    for shift in range(7, -1, -1):
        code = code << 1 | octet >> shift & 1
        bits += 1
        symbol = _SYMBOLS.get((bits, code))
        if symbol is not None:
            if symbol == _END:
                raise BadText("a text holds the code that ends it")
            text.append(symbol)
            bits = code = 0
    return bytes(text), (bits, code)
