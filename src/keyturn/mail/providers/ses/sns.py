"""Receives the messages of an Amazon SNS topic, and verifies them (docs.aws.amazon.com: "Verifying
the signatures").
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

from keyturn.http_client import CallFailed, HttpClient
from keyturn.mail.port.reports import ReportUnproven, require_signature

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SNS_TIMEOUT = timedelta(seconds=5)
"""For one call to SNS, which waits 15 seconds for our answer to its own."""

_LONGEST_ANSWER = 16_384
"""Bytes: a certificate has about 2,000."""

_MOST_CERTIFICATES = 4
"""Certificates that are remembered."""

_ARN = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov):sns:(?P<region>[a-z0-9-]{1,40}):[0-9]{12}:"
    r"[A-Za-z0-9_-]{1,256}"
)
_PATH_OF_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{1,64}\.pem")

_OK = 200
_REFUSALS = {400, 403, 404}


class SnsMessage(msgspec.Struct, rename="pascal", kw_only=True, omit_defaults=True):
    """A post from SNS: first the fields that it signs, in that order.

    `message`: the published text.
    `token`: what confirms a subscription.
    """

    message: str
    message_id: str
    subject: str | None = None
    subscribe_url: str = msgspec.field(name="SubscribeURL", default="")
    timestamp: str
    token: str = ""
    topic_arn: str
    type: str
    signature_version: str
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")

    def signed(self) -> bytes:
        """Return the content that SNS signs; empty fields are left out of it."""
        fields = list(msgspec.to_builtins(self).items())
        # All fields but the last three, which tell about the signature.
        signed = fields[:-3]
        return "".join(f"{name}\n{value}\n" for name, value in signed).encode()


class SnsTopic:
    """Verifies messages of a topic, and confirms its subscription to this endpoint.

    Any AWS customer can have SNS sign messages of their own topic, so a topic is recognised by its
    ARN. The host from which a certificate comes, and which confirms a subscription, is derived from
    the ARN, never from the message.

    Raises ValueError for a text that is not the ARN of a topic.
    """

    def __init__(self, arn: str, timeout: timedelta = SNS_TIMEOUT) -> None:
        match = _ARN.fullmatch(arn)
        if not match:
            raise ValueError("not the ARN of a topic")
        self.arn = arn
        ending = "com.cn" if match["partition"] == "aws-cn" else "com"
        self.host = f"https://sns.{match['region']}.amazonaws.{ending}"
        self._timeout = timeout
        self._http: HttpClient | None = None
        self._certificates: dict[str, Certificate] = {}
        self._fetching = asyncio.Lock()

    def require_header(self, headers: Mapping[str, str]) -> None:
        if headers.get("x-amz-sns-topic-arn") != self.arn:
            raise ValueError("the headers name another topic than ses.topic_arn")

    async def receive(self, body: bytes) -> SnsMessage | None:
        """Return the published message; None for any other, such as a subscription, which it
        confirms.

        Raises ValueError and ReportUnproven.
        """
        message = msgspec.json.decode(body, type=SnsMessage)
        # In a thread, because the import would hold up the event loop.
        await asyncio.to_thread(import_module, "cryptography.x509")
        await self._verify(message)
        if message.type == "SubscriptionConfirmation":
            await self._confirm(message.token)
        return message if message.type == "Notification" else None

    async def _confirm(self, token: str) -> None:
        """Confirm the subscription. Raises ValueError and ReportUnproven."""
        query = {"Action": "ConfirmSubscription", "TopicArn": self.arn, "Token": token}
        answer = await self._get(f"{self.host}/", query)
        if b"<ConfirmSubscriptionResponse" not in answer:
            raise ReportUnproven("SNS did not confirm the subscription")

    async def _verify(self, message: SnsMessage) -> None:
        """Raise ValueError for a wrong signature or topic, ReportUnproven if the certificate cannot
        be fetched.
        """
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.hashes import SHA256

        if message.topic_arn != self.arn:
            raise ValueError("the topic is not ses.topic_arn")
        if message.signature_version != "2":
            # NIST SP 800-131A disallows SHA-1 signatures: a publisher of another topic could
            # prepare a collision.
            raise ValueError("signed with SHA-1: set the topic's attribute SignatureVersion to 2")
        certificate = await self._certificate(message.signing_cert_url)
        now = datetime.now(UTC)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise ValueError("the certificate is not valid now")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            # The key came from outside, so it is no TypeError.
            raise ValueError("the certificate has no RSA key")  # noqa: TRY004
        require_signature(key, message.signature, message.signed(), PKCS1v15(), SHA256())

    async def _certificate(self, url: str) -> "Certificate":
        """Return the certificate at an SNS URL.

        Raises ValueError for another URL, and ReportUnproven if the certificate cannot be fetched.
        """
        path = url.removeprefix(self.host)
        if path == url or not _PATH_OF_CERTIFICATE.fullmatch(path):
            raise ValueError("the certificate does not belong to SNS in the topic's region")
        if url not in self._certificates:
            try:
                # One at a time: an attacker may post as many of these URLs as they like.
                async with asyncio.timeout(self._timeout.total_seconds()), self._fetching:
                    if url not in self._certificates:
                        certificate = await self._fetch(url)
                        self._remember(url, certificate)
            except TimeoutError:
                raise ReportUnproven("the certificate waits behind others") from None
        return self._certificates[url]

    def _remember(self, url: str, certificate: "Certificate") -> None:
        if len(self._certificates) == _MOST_CERTIFICATES:
            oldest = next(iter(self._certificates))
            del self._certificates[oldest]
        self._certificates[url] = certificate

    async def _fetch(self, url: str) -> "Certificate":
        from cryptography.x509 import load_pem_x509_certificate

        pem = await self._get(url)
        try:
            return load_pem_x509_certificate(pem)
        except ValueError:
            raise ReportUnproven("SNS answered without a certificate") from None

    async def _get(self, url: str, query: dict[str, str] | None = None) -> bytes:
        """Return the answer of SNS.

        Raises ValueError if SNS refuses, ReportUnproven for any other answer.
        """
        if self._http is None:
            # It calls rarely, so no connection stays open.
            headers = {"connection": "close"}
            seconds = self._timeout.total_seconds()
            self._http = HttpClient(seconds, _LONGEST_ANSWER, headers=headers)
        try:
            answer = await self._http.ask("GET", url, params=query)
        except CallFailed as error:
            raise ReportUnproven(f"SNS cannot be reached: {error}") from None
        if answer.status in _REFUSALS:
            raise ValueError(f"SNS answers {answer.status}")
        if answer.status != _OK or not answer.body:
            raise ReportUnproven(f"SNS gave an unexpected answer: {answer.status}")
        return answer.body
