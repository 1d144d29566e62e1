"""Amazon SNS: a server for certificates and confirmations, and messages signed as it signs them.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests.servers.mail_providers.answers import Answer, Request
from tests.servers.mail_providers.server import ProviderServer

TOPIC = "arn:aws:sns:eu-west-1:123456789012:keyturn-mails"
HOST = "sns.eu-west-1.amazonaws.com"
KEY, OTHER_KEY = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY, begins: int = -1, ends: int = 30
) -> str:
    """Return a certificate; it is valid between so many days from now."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


class SnsServer(ProviderServer):
    """`certificates` stand at the end of their addresses; `confirmed` are the tokens that came
    back.
    """

    def forget(self) -> None:
        super().forget()
        self.certificates = {"0a1b": certificate()}
        self.confirmed: list[str] = []

    def answer(self, request: Request) -> Answer:
        name = request.path.removeprefix("/SimpleNotificationService-").removesuffix(".pem")
        if name in self.certificates:
            return Answer(200, html=self.certificates[name])
        query = {key: values[0] for key, values in parse_qs(urlsplit(request.target).query).items()}
        if query.get("Action") == "ConfirmSubscription" and query.get("TopicArn") == TOPIC:
            self.confirmed.append(query["Token"])
            return Answer(200, html="<ConfirmSubscriptionResponse/>")
        return Answer(404, html="<Error/>")


@contextmanager
def running_sns() -> Iterator[SnsServer]:
    """Run a server that is reached at SNS's address. No other machine can be called meanwhile."""
    call = httpx2.AsyncHTTPTransport.handle_async_request
    with SnsServer.running() as server, pytest.MonkeyPatch.context() as patch:

        async def reroute(
            transport: httpx2.AsyncHTTPTransport, request: httpx2.Request
        ) -> httpx2.Response:
            if request.url.host != "127.0.0.1":
                assert (request.url.scheme, request.url.host) == ("https", HOST)
                request.url = httpx2.URL(server.url).copy_with(raw_path=request.url.raw_path)
            return await call(transport, request)

        patch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", reroute)
        yield server


def message(published: str = "", key: rsa.RSAPrivateKey = KEY, **fields: Any) -> dict[str, Any]:
    """Return what SNS posts; None takes a field out."""
    document = {
        "Type": "Notification",
        "MessageId": str(uuid4()),
        "TopicArn": TOPIC,
        "Message": published,
        "Timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": f"https://{HOST}/SimpleNotificationService-0a1b.pem",
        "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe",
        **fields,
    }
    names = [
        "Message",
        "MessageId",
        "Subject",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ]
    signed = "".join(f"{name}\n{document[name]}\n" for name in names if name in document)
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {"Signature": base64.b64encode(signature).decode(), **document}


def confirmation(number: int = 1, **fields: Any) -> dict[str, Any]:
    url = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=token-{number}"
    asked = {"Type": "SubscriptionConfirmation", "Token": f"token-{number}", "SubscribeURL": url}
    return message("You have chosen to subscribe to the topic", **{**asked, **fields})


def post(document: Any) -> Request:
    headers = {
        "content-type": "text/plain; charset=UTF-8",
        "x-amz-sns-topic-arn": document.get("TopicArn", TOPIC),
    }
    return Request(headers=headers, body=json.dumps(document).encode())
