"""Settings of a production system with which nothing is wrong, and its domain at Resend."""

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.servers.mail_providers.resend import API_KEY

from keyturn.mail.providers.resend import ResendSettings
from keyturn.service.settings import Brand, DatabaseSettings, MailSettings, Secret, ServerSettings, Settings

SECRET_KEY = "0123456789abcdef0123456789abcdef"


def encoded(key: RSAPrivateKey | EllipticCurvePrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


RSA = encoded(generate_rsa(65537, 2048))
"""What a record of a DKIM key has."""


def production_settings(database_url: str, resend_url: str) -> Settings:
    return Settings(
        base_url="https://account.northwind.example",
        secret_key=Secret(SECRET_KEY),
        database=DatabaseSettings(url=Secret(database_url)),
        mail=MailSettings(from_="Northwind School <accounts@northwind.example>"),
        resend=ResendSettings(
            api_key=Secret(API_KEY), api_url=resend_url, webhook_secret=Secret("whsec_MDEyMzQ1Njc4OWFiY2RlZg==")
        ),
        brand=Brand(name="Northwind School", support_address="help@northwind.example"),
        server=ServerSettings(trusted_proxies=("127.0.0.1",)),
    )


SPF = {"record": "SPF", "name": "send", "type": "TXT", "value": "v=spf1 include:amazonses.com ~all"}
DKIM = {"record": "DKIM", "name": "resend._domainkey", "type": "TXT", "value": "p=MIGf"}


def domain(name: str = "northwind.example", status: str = "verified", **changes: Any) -> dict[str, Any]:
    """Return a domain of the account as Resend shows it."""
    records = [{**record, "status": status} for record in (SPF, DKIM)]
    plain = {"id": f"id-{name}", "name": name, "status": status, "records": records, "click_tracking": False}
    return plain | changes
