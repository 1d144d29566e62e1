"""AWS's Signature Version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import msgspec

from keyturn.mail.port.http_provider import Request

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The credentials that sign a request to one service in one region."""

    key_id: str
    secret_key: str
    region: str
    service: str


def sign(request: Request, credentials: Credentials) -> Mapping[str, str]:
    """Return the headers that sign a request to a URL without a query, with the current time."""
    url, moment = urlsplit(request.url), f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    signed = {**request.headers, "host": url.netloc, "x-amz-date": moment}
    canonical = "\n".join(
        (
            request.method,
            quote(url.path, safe="/-_.~"),
            "",
            *(f"{name}:{value.strip()}" for name, value in signed.items()),
            "",
            ";".join(signed),
            hashlib.sha256(request.content).hexdigest(),
        )
    )
    scope = f"{moment[:8]}/{credentials.region}/{credentials.service}/aws4_request"
    text = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    proof = f"SignedHeaders={';'.join(signed)}, Signature={_hmac(key, text).hex()}"
    return {"x-amz-date": moment, "authorization": f"{_ALGORITHM} Credential={credentials.key_id}/{scope}, {proof}"}


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
