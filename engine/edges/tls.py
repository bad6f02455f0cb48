"""TLS towards the servers a cluster's processes call: whom to trust, and how to introduce oneself."""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from engine.rulebook.names import nearest

FILES: Final = ("ca", "cert", "key")
"""What a URL may say of TLS, each the name of a file: `?ca=…&cert=…&key=…`."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Attributes of a connection's security; all files are PEM.

    Attributes:
        ca: the authorities trusted; None for those the system trusts.
        cert: the certificate chain shown to the server, with its key; None for none.
        key: the certificate's private key; None where it is in the file of the certificate.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @classmethod
    def of(cls, options: Mapping[str, str]) -> "Tls":
        """Reads a URL's options.

        Raises:
            ValueError: a file cannot be read, or a key has no certificate.
        """
        if "key" in options and "cert" not in options:
            raise ValueError("a key is that of a certificate: name it by cert=")
        tls = cls(*(Path(options[name]) if name in options else None for name in FILES))
        tls.context()
        return tls

    def context(self) -> ssl.SSLContext:
        """Checks the server's certificate and its host name.

        Raises:
            ValueError: a file cannot be read, or is none.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key, password=lambda: b"")
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(file) for file in (self.ca, self.cert, self.key) if file)
            raise ValueError(f"{files}: {error}") from error
        return context


def options_of(query: str, known: Sequence[str]) -> dict[str, str]:
    """What stands behind the `?` of a URL.

    >>> options_of("ca=/etc/ca.pem", FILES)
    {'ca': '/etc/ca.pem'}

    Raises:
        ValueError: something else than what is `known`.
    """
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in known:
            near = nearest(name, known)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ValueError(f"{name!r} is nothing this URL can say.{hint}")
    return options
