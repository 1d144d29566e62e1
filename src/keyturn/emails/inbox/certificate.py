"""TLS for the inbox over SMTP, with a certificate of its own: for apps that refuse to send without TLS."""

import ipaddress
import socket
import ssl
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from errno import EEXIST
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from keyturn.plain_files import make_private_file, make_private_folder

_LIFE = timedelta(days=365)
_LEFT = timedelta(days=7)
"""A kept certificate that ends sooner is replaced at the start."""

_BEGINS = b"-----BEGIN "

_NAMES = ("localhost", "host.docker.internal", "host.containers.internal", "127.0.0.1", "::1")


class SmtpTls(Struct, frozen=True, kw_only=True):
    """TLS of the SMTP server (RFC 8314, RFC 3207).

    `pem`: the certificate, for clients that are to trust it.
    `at_once`: the socket on which TLS begins at once, or None.
    `starttls`: whether the other socket offers STARTTLS.
    """

    context: ssl.SSLContext
    pem: str
    at_once: socket.socket | None = None
    starttls: bool = False

    @classmethod
    def open(
        cls, host: str, file: Path | None = None, *, at_once: socket.socket | None = None, starttls: bool = False
    ) -> "SmtpTls":
        """Use the key and certificate in `file`, and make them if they are missing, damaged or expired.

        Without a file, the certificate lasts as long as this process. Raises OSError.
        """
        with tempfile.TemporaryDirectory(prefix="keyturn-") as folder:
            kept = file or Path(folder) / "key.pem"
            if not _is_usable(kept, host):
                if kept.exists() and not kept.read_bytes().startswith(_BEGINS):
                    raise FileExistsError(EEXIST, "it is no file of a key, and will not be replaced")
                make_private_folder(kept.absolute().parent)
                kept.unlink(missing_ok=True)
                make_private_file(kept, _new_certificate(host))
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(kept)
            certificate = x509.load_pem_x509_certificate(kept.read_bytes())
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        return cls(context=context, pem=pem, at_once=at_once, starttls=starttls)


def _is_usable(file: Path, host: str) -> bool:
    """Tell whether the file has a key and its certificate, which names the host and does not end soon."""
    with suppress(OSError, ValueError, x509.ExtensionNotFound):  # ssl.SSLError is an OSError
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        is_named = all(name in named for name in _names_of(host))
        return is_named and certificate.not_valid_after_utc - datetime.now(UTC) > _LEFT
    return False


def _names_of(host: str) -> list[x509.GeneralName]:
    return [_general_name(each) for each in dict.fromkeys((*_NAMES, host, socket.gethostname())) if each.isascii()]


def _new_certificate(host: str) -> bytes:
    """Return a key and a certificate that it signs itself, for this machine's names (RFC 5280)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Keyturn inbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName(_names_of(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
