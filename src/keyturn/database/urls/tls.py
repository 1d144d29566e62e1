"""TLS to a database, in libpq's modes and with their meanings.

https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION
"""

import ssl
from pathlib import Path

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_VERIFYING = ("verify-ca", "verify-full")


def tls_of(mode: str, root: str, certificate: str, key: str, *, always: bool = False) -> str | ssl.SSLContext:
    """Return what a driver is given: the mode's own word where that says it all, else a context; "" for nothing.

    A `root` beside "require" verifies its chain, as libpq does for those who wrote it before there was "verify-ca".
    Where libpq would look for ~/.postgresql/root.crt and find none, the roots of this machine are taken, as they are
    for the root named "system". `always` asks for a context, for drivers that know no words.

    Raises OSError (ssl.SSLError among them) where a file cannot be read, or holds none.
    """
    if root and mode == "require":
        mode = "verify-ca"
    if mode not in _VERIFYING and not certificate and not (always and mode):
        return mode
    own = Path("~/.postgresql/root.crt").expanduser()
    file = root or (str(own) if own.is_file() else "")
    context = ssl.create_default_context(cafile=None if file in {"", "system"} else file)
    context.check_hostname = mode == "verify-full"
    if mode not in _VERIFYING:
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key or None)
    return context
