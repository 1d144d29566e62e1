"""The settings of each way out for mails."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from keyturn.settings.texts import Secret

Rate = Annotated[float, Meta(gt=0)]
"""Calls a second, of all workers together."""

Transport = Literal["resend", "postmark", "sendgrid", "mailgun", "ses", "smtp"]
"""The ways on which a mail leaves this machine."""

TIMEOUT = timedelta(seconds=10)


class ResendSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Resend is asked. `rate` is in calls a second, of all workers together."""

    api_key: Secret = Secret("")
    api_url: str = "https://api.resend.com"
    timeout: timedelta = TIMEOUT
    rate: Rate = 10
    webhook_secret: Secret = Secret("")
    previous_webhook_secret: Secret = Secret("")


class SmtpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which mail server is asked, and how it is reached."""

    host: str = ""
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    username: str = ""
    password: Secret = Secret("")
    security: Literal["starttls", "tls", "none"] = "starttls"
    timeout: timedelta = TIMEOUT


class PostmarkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Postmark is asked. `webhook_secret` is the password in the address to which it reports."""

    server_token: Secret = Secret("")
    api_url: str = "https://api.postmarkapp.com"
    message_stream: str = "outbound"
    timeout: timedelta = TIMEOUT
    rate: Rate = 50
    webhook_secret: Secret = Secret("")
    previous_webhook_secret: Secret = Secret("")


class SendGridSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How SendGrid is asked. `webhook_verification_key` is the public key that its reports are verified with."""

    api_key: Secret = Secret("")
    api_url: str = "https://api.sendgrid.com"
    timeout: timedelta = TIMEOUT
    rate: Rate = 50
    webhook_verification_key: str = ""
    previous_webhook_verification_key: str = ""


class MailgunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Mailgun is asked. `domain` is the account's that sends; `webhook_signing_key` proves its reports."""

    api_key: Secret = Secret("")
    domain: str = ""
    api_url: str = "https://api.mailgun.net"
    timeout: timedelta = TIMEOUT
    rate: Rate = 50
    webhook_signing_key: Secret = Secret("")
    previous_webhook_signing_key: Secret = Secret("")


class SesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Amazon SES is asked, at its address in `region` unless `api_url` is set. `topic_arn` is where it reports."""

    region: str = ""
    access_key_id: str = ""
    secret_access_key: Secret = Secret("")
    configuration_set: str = ""
    api_url: str = ""
    timeout: timedelta = TIMEOUT
    rate: Rate = 14
    topic_arn: str = ""
