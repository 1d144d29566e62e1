"""The providers with an HTTP API: how each is run and asked on this machine, and what it gets of a
mail.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import msgspec
from tests.servers.mail_providers import answers as resend
from tests.servers.mail_providers import mailgun, postmark, sendgrid, ses, sns
from tests.servers.mail_providers.answers import Answer
from tests.servers.mail_providers.resend import API_KEY, ResendServer

from keyturn.mail.port.email import Email
from keyturn.mail.providers.mailgun import Mailgun
from keyturn.mail.providers.postmark import Postmark
from keyturn.mail.providers.resend import Resend
from keyturn.mail.providers.sendgrid import SendGrid
from keyturn.mail.providers.ses import Ses
from keyturn.service.settings import SecretStr

Fields = Mapping[str, Any]


def _in_utf_8(text: str) -> Fields:
    return {"Data": text, "Charset": "UTF-8"}


class HttpProvider(msgspec.Struct, frozen=True, kw_only=True):
    """Describes a provider.

    `settings`: its settings for a server at an address. `key` and `proof` are the names of those
    that hold the API key and what proves its reports.
    `limited`: its answer to too many requests. `refused`: its answer to an address that it does not
    take.
    `fields`: what it gets of the mail of the contract, sent under `key-1`. `subject` finds a mail's
    subject in that.
    `accepted`: the mails that its server has taken, by id. `user_agent`: how it begins.
    """

    running: Callable[[], AbstractContextManager[Any]]
    settings: Callable[[str], Any]
    key: str
    proof: str
    limited: Answer
    refused: Answer
    fields: Callable[[Email], Fields]
    subject: Callable[[Fields], str] = lambda fields: str(fields["subject"])
    accepted: Callable[[Any], Mapping[str, Fields]] = lambda server: server.accepted
    knows_keys: bool = False
    user_agent: str = "keyturn/"


PROVIDERS = {
    "resend": HttpProvider(
        running=ResendServer.running,
        settings=lambda url: Resend(
            api_key=SecretStr(API_KEY), api_url=url, webhook_secret=SecretStr("whsec_a2V5")
        ),
        key="api_key",
        proof="webhook_secret",
        knows_keys=True,
        user_agent="resend-python:",
        limited=resend.RATE_LIMITED,
        refused=resend.refusal(422, "validation_error", "Invalid `to` field: ada@pupils.test"),
        fields=lambda mail: {
            "from": mail.sender,
            "to": [mail.to],
            "reply_to": mail.reply_to,
            "subject": mail.subject,
            "html": mail.html,
            "text": mail.text,
            "headers": mail.headers,
            "tags": [
                {"name": "template", "value": "password_reset"},
                {"name": "key", "value": "key-1"},
            ],
        },
        accepted=lambda server: {mail.id: mail.fields for mail in server.accepted},
    ),
    "postmark": HttpProvider(
        running=postmark.PostmarkServer.running,
        settings=lambda url: Postmark(
            server_token=SecretStr(postmark.TOKEN),
            api_url=url,
            webhook_secret=SecretStr(postmark.PASSWORD),
        ),
        key="server_token",
        proof="webhook_secret",
        limited=postmark.LIMITED,
        refused=postmark.refusal(422, 300, "Invalid 'To' address: 'ada@pupils.test'."),
        fields=lambda mail: {
            "From": mail.sender,
            "To": mail.to,
            "ReplyTo": mail.reply_to,
            "Subject": mail.subject,
            "HtmlBody": mail.html,
            "TextBody": mail.text,
            "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
            "Metadata": {"template": "password_reset", "key": "key-1"},
            "MessageStream": "outbound",
            "TrackOpens": False,
            "TrackLinks": "None",
        },
        subject=lambda fields: str(fields["Subject"]),
    ),
    "sendgrid": HttpProvider(
        running=sendgrid.SendGridServer.running,
        settings=lambda url: SendGrid(
            api_key=SecretStr(sendgrid.KEY),
            api_url=url,
            webhook_verification_key=sendgrid.public(sendgrid.SIGNER),
        ),
        key="api_key",
        proof="webhook_verification_key",
        limited=sendgrid.LIMITED,
        refused=sendgrid.refusal(
            400, "Does not contain a valid address: ada@pupils.test", "personalizations.0.to"
        ),
        fields=lambda mail: {
            "personalizations": [{"to": [{"email": mail.to}]}],
            "from": {"email": "accounts@northwind.example", "name": "Northwind School"},
            "reply_to": {"email": mail.reply_to},
            "subject": mail.subject,
            "content": [
                {"type": "text/plain", "value": mail.text},
                {"type": "text/html", "value": mail.html},
            ],
            "headers": {"Auto-Submitted": "auto-generated"},
            "custom_args": {"template": "password_reset", "key": "key-1"},
            "tracking_settings": {
                "click_tracking": {"enable": False, "enable_text": False},
                "open_tracking": {"enable": False},
                "subscription_tracking": {"enable": False},
                "ganalytics": {"enable": False},
            },
        },
    ),
    "mailgun": HttpProvider(
        running=mailgun.MailgunServer.running,
        settings=lambda url: Mailgun(
            api_key=SecretStr(mailgun.KEY),
            domain=mailgun.DOMAIN,
            api_url=url,
            webhook_signing_key=SecretStr(mailgun.SIGNING_KEY),
        ),
        key="api_key",
        proof="webhook_signing_key",
        limited=mailgun.LIMITED,
        refused=mailgun.refusal(400, "to parameter is not a valid address: ada@pupils.test"),
        fields=lambda mail: {
            "from": mail.sender,
            "to": mail.to,
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
            "o:tracking": "no",
            "o:tracking-clicks": "no",
            "o:tracking-opens": "no",
            "h:Auto-Submitted": "auto-generated",
            "h:Reply-To": mail.reply_to,
            "v:template": "password_reset",
            "v:key": "key-1",
        },
    ),
    "ses": HttpProvider(
        running=ses.SesServer.running,
        settings=lambda url: Ses(
            region=ses.REGION,
            access_key_id=ses.KEY_ID,
            secret_access_key=SecretStr(ses.SECRET_KEY),
            api_url=url,
            topic_arn=sns.TOPIC,
        ),
        key="secret_access_key",
        proof="topic_arn",
        limited=ses.LIMITED,
        refused=ses.refusal(
            400, "MessageRejected", "Address ada@pupils.test contains invalid content"
        ),
        fields=lambda mail: {
            "FromEmailAddress": mail.sender,
            "Destination": {"ToAddresses": [mail.to]},
            "ReplyToAddresses": [mail.reply_to],
            "Content": {
                "Simple": {
                    "Subject": _in_utf_8(mail.subject),
                    "Body": {"Text": _in_utf_8(mail.text), "Html": _in_utf_8(mail.html)},
                    "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
                }
            },
            "EmailTags": [
                {"Name": "template", "Value": "password_reset"},
                {"Name": "key", "Value": "key-1"},
            ],
            "ConfigurationOverrides": {
                "Tracking": {"ClickTrackingEnabled": "DISABLED", "OpenTrackingEnabled": "DISABLED"}
            },
        },
        subject=lambda fields: str(fields["Content"]["Simple"]["Subject"]["Data"]),
    ),
}
