"""TLS to a database, in libpq's modes and with their meanings.

https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION
"""

import ssl

import msgspec

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""From the weakest to the strictest."""

VERIFYING = ("verify-ca", "verify-full")


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Names the files of TLS, "" for none.

    `root`: the certificates that sign the server's; "system" are this machine's.
    `certificate`, `key`, `password`: what the client shows, its key, and the password of that.
    `revoked`: the list of certificates that no longer hold.
    """

    root: str = ""
    certificate: str = ""
    key: str = ""
    password: str = ""
    revoked: str = ""


def tls_of(mode: str, files: TlsFiles) -> ssl.SSLContext:
    """Return the context for a mode that asks for TLS.

    "verify-ca" without roots of its own is "verify-full": of the roots of this machine, each would sign for a stranger
    (libpq refuses it).

    Raises OSError (ssl.SSLError among them) or ValueError where a file cannot be read, or holds none.
    """
    context = ssl.create_default_context(cafile=None if files.root in {"", "system"} else files.root)
    context.check_hostname = mode == "verify-full" or (mode == "verify-ca" and files.root in {"", "system"})
    if mode not in VERIFYING:
        context.verify_mode = ssl.CERT_NONE
    if files.revoked:
        context.load_verify_locations(cafile=files.revoked)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    if files.certificate:
        # Without a password OpenSSL would ask for one at the terminal.
        context.load_cert_chain(files.certificate, files.key or None, files.password)
    return context
