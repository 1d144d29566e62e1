"""TLS for the inbox over SMTP, with a certificate of its own: for apps that refuse to send without TLS."""

import socket
import ssl

import trustme
from msgspec import Struct

_NAMES = ("localhost", "host.docker.internal", "host.containers.internal", "127.0.0.1", "::1")


class SmtpTls(Struct, frozen=True, kw_only=True):
    """TLS of the SMTP server (RFC 8314, RFC 3207), for as long as the process lives.

    `pem`: the certificate that clients are to trust.
    `at_once`: the socket on which TLS begins at once, or None.
    `starttls`: whether the other socket offers STARTTLS.
    """

    context: ssl.SSLContext
    pem: str
    at_once: socket.socket | None = None
    starttls: bool = False

    @classmethod
    def open(cls, host: str, *, at_once: socket.socket | None = None, starttls: bool = False) -> "SmtpTls":
        authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        names = dict.fromkeys((*_NAMES, host, socket.gethostname()))
        authority.issue_cert(*(name for name in names if name.isascii())).configure_cert(context)
        return cls(context=context, pem=authority.cert_pem.bytes().decode(), at_once=at_once, starttls=starttls)
