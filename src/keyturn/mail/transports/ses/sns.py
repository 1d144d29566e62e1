"""What Amazon SNS brings from one topic, believed by its signature.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import asyncio
import base64
import re
from datetime import UTC, datetime

import httpx
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate, load_pem_x509_certificate

from keyturn.http_client import HttpClient, read_bounded
from keyturn.settings.rules.reports import topic_parts

_PATIENCE = 5
"""Seconds for one call to SNS; it gives an answer to its own 15."""

_LONGEST_ANSWER = 16_384
"""Bytes: a certificate has some 2,000."""

_PLAIN = {"accept-encoding": "identity"}
"""So that what is read is what was bounded."""

_MOST_CERTIFICATES = 4
_OK = 200

NOTIFICATION, CONFIRMATION = "Notification", "SubscriptionConfirmation"


class SnsMessage(msgspec.Struct, rename="pascal"):
    """Holds what SNS posts. `message` is what somebody published; `token` confirms a subscription."""

    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: str
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subscribe_url: str = msgspec.field(name="SubscribeURL", default="")
    subject: str | None = None
    token: str = ""

    def signed(self) -> bytes:
        """Return what is signed: names and values, in the order of the names."""
        parts = {"Message": self.message, "MessageId": self.message_id}
        if self.type == NOTIFICATION:
            parts |= {"Subject": self.subject} if self.subject is not None else {}
        else:
            parts |= {"SubscribeURL": self.subscribe_url}
        parts |= {"Timestamp": self.timestamp}
        parts |= {"Token": self.token} if self.type != NOTIFICATION else {}
        parts |= {"TopicArn": self.topic_arn, "Type": self.type}
        return "".join(f"{name}\n{value}\n" for name, value in parts.items()).encode()


class SnsTopic:
    """Verifies what comes from a topic, and confirms that it may come here.

    Everybody can have SNS sign something of a topic of their own, so the topic is told by its ARN, and nothing is
    called but SNS in that topic's region: the host of a certificate and of a confirmation is made of the ARN, whatever
    the message says.
    """

    def __init__(self, arn: str) -> None:
        region, suffix = topic_parts(arn)
        self._arn = arn
        self.host = f"https://sns.{region}.amazonaws.com{suffix}"
        self._certificates: dict[str, Certificate] = {}
        self._fetching = asyncio.Lock()

    async def verify(self, message: SnsMessage) -> None:
        """Raise ValueError where SNS did not sign it, or for another topic."""
        if message.topic_arn != self._arn:
            raise ValueError("another topic than ses.topic_arn")
        if message.signature_version != "2":
            # SHA-1 must not sign any more (NIST SP 800-131A): who can publish elsewhere could prepare a collision.
            raise ValueError("signed with SHA-1: set the topic's attribute SignatureVersion to 2")
        certificate = await self._certificate(message.signing_cert_url)
        key, moment = certificate.public_key(), datetime.now(UTC)
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            raise ValueError("the certificate is not valid now")
        if not isinstance(key, RSAPublicKey):
            raise ValueError("the certificate holds no RSA key")  # noqa: TRY004 - a value that came from outside
        try:
            key.verify(
                base64.b64decode(message.signature, validate=True), message.signed(), PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            raise ValueError("the signature does not fit") from None

    async def confirm(self, token: str) -> None:
        """Tell SNS that the topic's messages are wanted here. Raises ValueError where it does not hear it."""
        query = {"Action": "ConfirmSubscription", "TopicArn": self._arn, "Token": token}
        await _get(f"{self.host}/", query)

    async def _certificate(self, url: str) -> Certificate:
        """Return the certificate at an address of SNS's, fetched once: TLS proves that it is SNS's."""
        path = url.removeprefix(self.host)
        if path == url or not re.fullmatch(r"/SimpleNotificationService-[0-9a-f]{1,64}\.pem", path):
            raise ValueError("the certificate is none of SNS in the topic's region")
        if url not in self._certificates:
            async with asyncio.timeout(_PATIENCE), self._fetching:
                if url not in self._certificates:
                    certificate = load_pem_x509_certificate(await _get(url))
                    kept = list(self._certificates.items())[1 - _MOST_CERTIFICATES :]
                    self._certificates = {**dict(kept), url: certificate}
        return self._certificates[url]


async def _get(url: str, query: dict[str, str] | None = None) -> bytes:
    """Return what SNS answers. Raises ValueError where it does not, or at length."""
    try:
        async with (
            asyncio.timeout(_PATIENCE),
            HttpClient(timeout=_PATIENCE, follow_redirects=False, headers=_PLAIN) as client,
            client.stream("GET", url, params=query) as answer,
        ):
            body = await read_bounded(answer, _LONGEST_ANSWER)
    except (httpx.HTTPError, TimeoutError) as error:
        raise ValueError(f"SNS cannot be asked: {type(error).__name__}") from None
    if body is None:
        raise ValueError("SNS answers at too great a length")
    if answer.status_code != _OK:
        raise ValueError(f"SNS answers {answer.status_code}")
    return body
