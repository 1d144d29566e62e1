"""What can send the mails of an app, and what each of them wants to be told."""

from collections.abc import Mapping
from typing import get_args

import msgspec

from keyturn.settings.transports import Transport


class MailProvider(msgspec.Struct, frozen=True, kw_only=True):
    """Describes a provider: its name, where its secrets come from, and the variables that hold what it needs.

    `extra`: the extra of Keyturn's that it needs, which brings `extra_package`.
    """

    name: str
    source: str
    variables: Mapping[str, str]
    extra: str = ""
    extra_package: str = ""

    def is_in(self, environ: Mapping[str, str]) -> bool:
        """Tell whether all that it needs is set."""
        return all(environ.get(variable) for variable in self.variables)

    @property
    def command(self) -> str:
        return "export " + " ".join(f"{variable}={example}" for variable, example in self.variables.items())


PROVIDERS: Mapping[str, MailProvider] = {
    "resend": MailProvider(
        name="Resend", source="Take a key from https://resend.com/api-keys", variables={"RESEND_API_KEY": "re_..."}
    ),
    "postmark": MailProvider(
        name="Postmark", source="Take the token of a server from https://account.postmarkapp.com/servers",
        variables={"POSTMARK_SERVER_TOKEN": "..."},
    ),
    "sendgrid": MailProvider(
        name="SendGrid", source="Take a key from https://app.sendgrid.com/settings/api_keys",
        variables={"SENDGRID_API_KEY": "SG...."},
    ),
    "mailgun": MailProvider(
        name="Mailgun", source="Take a sending key of your domain from https://app.mailgun.com",
        variables={"MAILGUN_API_KEY": "...", "MAILGUN_DOMAIN": "mg.example.org"},
    ),
    "ses": MailProvider(
        name="Amazon SES", source="Take the access key of an IAM user that may send, in the region of your identities",
        variables={"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA...", "AWS_SECRET_ACCESS_KEY": "..."},
    ),
    "smtp": MailProvider(
        name="the mail server", source="Say which mail server it is, and how to log in there",
        variables={
            "KEYTURN_SMTP_HOST": "smtp.example.org", "KEYTURN_SMTP_USERNAME": "...", "KEYTURN_SMTP_PASSWORD": "...",
        },
        extra="smtp", extra_package="aiosmtplib",
    ),
}  # fmt: skip

TRANSPORTS: tuple[str, ...] = get_args(Transport)


def likely_transport(environ: Mapping[str, str]) -> str:
    """Return the one whose variables are set already, else Resend. AWS's serve many things, so they say nothing."""
    set_up = (name for name in TRANSPORTS if name != "ses" and PROVIDERS[name].is_in(environ))
    return next(set_up, TRANSPORTS[0])
