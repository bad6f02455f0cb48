"""Capsule: the sealed token by which a response finds its decision without a lookup."""

import base64
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.errors import InvalidInput, StorageError, Violation
from engine.model import (
    UNKNOWN,
    ActionId,
    CustomerId,
    Decision,
    DecisionId,
    Exposure,
    PlacementId,
    Value,
)
from engine.native import native
from engine.native.interpreted import FIELDS

KEY_BYTES: Final = 32
KEY_FILE: Final = "token.key"

_FORMAT: Final = b"\x01"
_KEY_ID: Final = 4
_NONCE: Final = 12
_PREFIX: Final = 8
_COUNTERS: Final = 1 << 32
_HEADER: Final = len(_FORMAT) + _KEY_ID
_FIELD: Final = "response.token"
_OFFERED: Final = bytes(
    (*FIELDS, "placement").index(field)
    for field in ("action_id", "group", "placement", "probability", "propensity")
)
"""What a token says of each offer."""


class Capsules:
    """Seals decisions into tokens and opens them again, with AES-256-GCM (NIST SP 800-38D).

    A token is `format (1) · key id (4) · nonce (12) · ciphertext · tag (16)`; the first five bytes
    are authenticated too. The nonce is 64 random bits, drawn anew every 2**32 seals, and a counter,
    so that any number of processes may share a key.

    Args:
        key: 32 bytes; seals, and opens what it sealed.
        retired: former keys, which only open.

    >>> Capsules(bytes(32)).open(b"not a token", CustomerId("c1"), ActionId("a1"))
    Traceback (most recent call last):
        ...
    engine.errors.InvalidInput: response.token: is no token of this service: send back the `token` of the DecideResponse unchanged
    """

    __slots__ = ("_ciphers", "_counter", "_header", "_nonce_prefix", "_seal")

    def __init__(self, key: bytes, *retired: bytes) -> None:
        self.use(key, *retired)

    def use(self, key: bytes, *retired: bytes) -> None:
        """Seals by this key from now on; what was sealed by neither it nor a retired one opens no more."""
        self._ciphers = {_key_id(each): AESGCM(each) for each in (key, *retired)}
        self._header = _FORMAT + _key_id(key)
        self._seal = AESGCM(key).encrypt
        self._nonce_prefix = secrets.token_bytes(_PREFIX)
        self._counter = 0

    def seal(self, decision: Decision) -> bytes:
        """One token for all offers of the decision; a fallback's offers stand for no action."""
        features = decision.features
        unknown: list[int] = []
        if features is not None and not native.is_plain(features) and UNKNOWN in features:
            unknown = [i for i, value in enumerate(features) if value is UNKNOWN]
            features = [None if value is UNKNOWN else value for value in features]
        content = orjson.dumps(
            (
                decision.decision_id,
                decision.customer_id,
                decision.decided_at,
                decision.channel,
                decision.schema,
                features,
                unknown,
                [
                    row
                    for shown in decision.placements
                    if not shown.fallback
                    for row in native.rows(shown.offers, _OFFERED, shown.placement)
                ],
            )
        )
        self._counter += 1
        if self._counter == _COUNTERS:
            self._nonce_prefix, self._counter = secrets.token_bytes(_PREFIX), 0
        nonce = self._nonce_prefix + self._counter.to_bytes(4, "big")
        return self._header + nonce + self._seal(nonce, content, self._header)

    def open(self, token: bytes, customer_id: CustomerId, action_id: ActionId) -> Exposure:
        """The offer of `action_id` this token was given out with.

        Raises:
            InvalidInput: the token was forged, garbled or sealed by another service, belongs to
                another customer, or its decision did not offer this action.
        """
        content = self._content(token)
        decision_id, owner, decided_at, channel, schema, features, unknown, offers = content
        if owner != customer_id:
            raise _refused("belongs to another customer's decision")
        for action, group, placement, probability, propensity in offers:
            if action == action_id:
                for i in unknown:
                    features[i] = UNKNOWN
                seen: list[Value] | None = features
                return Exposure(
                    decision_id=DecisionId(decision_id),
                    action_id=action_id,
                    group=group,
                    channel=channel,
                    placement=PlacementId(placement),
                    decided_at=decided_at,
                    probability=probability,
                    propensity=propensity,
                    schema=schema,
                    features=seen,
                )
        offered = ", ".join(offer[0] for offer in offers) or "no action, only the fallback"
        raise InvalidInput(
            [
                Violation(
                    "response.action_id",
                    f"{action_id!r} was not offered by this decision; it offered {offered}",
                )
            ]
        )

    def _content(self, token: bytes) -> Any:
        header = token[:_HEADER]
        nonce = token[_HEADER : _HEADER + _NONCE]
        cipher = self._ciphers.get(header[len(_FORMAT) :])
        if cipher is None or header[: len(_FORMAT)] != _FORMAT or len(nonce) != _NONCE:
            raise _refused(
                "is no token of this service: send back the `token` of the DecideResponse unchanged"
            )
        try:
            content = cipher.decrypt(nonce, token[_HEADER + _NONCE :], header)
        except InvalidTag:
            raise _refused(
                "is damaged: send back the `token` of the DecideResponse unchanged"
            ) from None
        return orjson.loads(content)


def _refused(description: str) -> InvalidInput:
    return InvalidInput([Violation(_FIELD, description)])


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"attune token key\0" + key).digest()[:_KEY_ID]


def open_capsules(directory: Path, key_file: Path | None = None) -> Capsules:
    """The capsules of a data directory; its key is created, readable by its owner only, if missing.

    `token.key` holds one base64 key a line: the first seals, all open. To rotate, put a new line
    first (`openssl rand -base64 32`) and drop the old one after the response window. A `key_file`
    of the same form is read in its place, and never created.

    Raises:
        StorageError: the file cannot be read, written or understood.
    """
    path = key_file or directory / KEY_FILE
    if key_file is None and not path.exists():
        _create(path, fresh_key())
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise StorageError(f"{path}: the token key cannot be read: {error}") from error
    return Capsules(*keys_in(text, str(path)))


def keys_in(text: str, place: str) -> tuple[bytes, ...]:
    """The keys in a text of one base64 key a line, found at `place`; the first one seals.

    Raises:
        StorageError: it makes no sense.
    """
    try:
        keys = tuple(base64.b64decode(line, validate=True) for line in text.split())
    except ValueError:
        keys = ()
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise StorageError(
            f"{place}: holds something other than base64 keys of {KEY_BYTES} bytes, one a line;"
            " restore it (without it, tokens given out before cannot be opened)"
        )
    return keys


def text_of(keys: Iterable[bytes]) -> str:
    """The text that `keys_in` reads."""
    return "".join(f"{base64.b64encode(key).decode()}\n" for key in keys)


def fresh_key() -> str:
    """The text of a new key."""
    return text_of([secrets.token_bytes(KEY_BYTES)])


def write_key_file(path: Path, keys: Iterable[bytes]) -> None:
    """Puts these keys in the place of those in the file, whole, readable by its owner only.

    Raises:
        StorageError: that cannot be written.
    """
    try:
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text_of(keys))
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)  # noqa: PTH105  # both are strings
        _sync(path.parent)
    except OSError as error:
        raise StorageError(f"{path}: the token key cannot be written: {error}") from error


def _create(path: Path, text: str) -> None:
    """Writes a fresh key beside `path` and links it in place, unless somebody else was first."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as scratch:
            scratch.write(text.encode())
            scratch.flush()
            os.fsync(scratch.fileno())
            try:
                os.link(scratch.name, path)
            except FileExistsError:
                return
        _sync(path.parent)
    except OSError as error:
        raise StorageError(f"{path}: the token key cannot be read or created: {error}") from error


def _sync(directory: Path) -> None:
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
