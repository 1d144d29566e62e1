"""AWS's Signature Version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)."""

import hashlib
import hmac
from collections.abc import Generator
from datetime import UTC, datetime
from urllib.parse import quote

import httpx2
import msgspec

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The credentials that sign a request to one service in one region."""

    key_id: str
    secret_key: str
    region: str
    service: str


class SignatureV4(httpx2.Auth):
    """Signs requests to URLs without a query, with the current time."""

    requires_request_body = True

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        request.headers["x-amz-date"] = moment
        authorization = _authorization(request, self._credentials, moment)
        request.headers.update(httpx2.Headers({"authorization": authorization}, encoding="ascii"))
        yield request


def _authorization(request: httpx2.Request, credentials: Credentials, moment: str) -> str:
    """Return the header; `moment` is the time as in the header x-amz-date."""
    signed = {name: request.headers[name] for name in ("content-type", "host", "x-amz-date") if name in request.headers}
    canonical = "\n".join(
        (
            request.method,
            quote(request.url.raw_path.decode(), safe="/-_.~"),
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
    return f"{_ALGORITHM} Credential={credentials.key_id}/{scope}, {proof}"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
