"""TLS to a database, in libpq's modes and with their meanings.

https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION
"""

import ssl

import msgspec

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""From the weakest to the strictest."""

VERIFYING = ("verify-ca", "verify-full")


_OF_ANOTHER_NAME = {62, 64}
"""OpenSSL's codes for a host or an address that the certificate does not name
(https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)."""

_OF_ANOTHER_ROOT = {2, 7, 18, 19, 20, 21}
"""Its codes for a certificate that no root has signed, or another one of the same name."""


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


class Roots(msgspec.Struct, frozen=True, kw_only=True):
    """Names what a server's certificate is judged by: the word of the address, and its file, "" for the system's."""

    setting: str
    file: str


class CertificateRefused(OSError):
    """Says why a server's certificate is not accepted and by which roots it was judged; `mend` says what to do."""

    def __init__(self, error: ssl.SSLCertVerificationError, roots: Roots) -> None:
        used = f"{roots.setting} is {roots.file}" if roots.file else f"{roots.setting} is not set: this machine's roots"
        super().__init__(f"the server's certificate is refused: {error.verify_message or error} ({used})")
        if error.verify_code in _OF_ANOTHER_NAME:
            self.mend = "Write the host as the server's certificate names it."
        elif error.verify_code not in _OF_ANOTHER_ROOT:
            self.mend = "Give the server a certificate that holds."
        elif roots.file and roots.file != "system":
            self.mend = f"Check {roots.setting} ({roots.file}): the server's certificate does not come from it."
        else:
            self.mend = (
                f"Set {roots.setting} to the file of the authority that has signed the server's certificate: "
                "this machine does not know it."
            )


def certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return what OpenSSL says of a server's certificate where that is why there is no connection."""
    while error:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__
    return None


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
