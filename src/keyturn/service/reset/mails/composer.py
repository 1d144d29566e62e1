"""Composes the mails, from an account and an event. They are then ready to be sealed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from keyturn.mail.addresses import parse_sender
from keyturn.mail.languages.language import Language
from keyturn.mail.port.email import Email, local_sender
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.store_factory import ends_sessions
from keyturn.service.client import Client
from keyturn.service.clock import now, random_bytes
from keyturn.service.one_time_secrets import Minted, OneTimeSecret
from keyturn.service.reset.mails import email_props
from keyturn.service.reset.mails.phrases import device_name, ended_in_words, greeting_name
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.records import messages
from keyturn.service.reset.records.lifetimes import BUTTON_LIFE
from keyturn.service.reset.records.links import facts_of
from keyturn.service.reset.records.messages import Notice
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import PageUrls


class ComposedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that is ready to be sealed: encrypted and stored with its message.

    `written_at`: when it was rendered.
    `link`: the key of its link, by which a later try finds out whether the link still works.
    """

    email: Email
    written_at: datetime
    link: bytes | None = None
    __repr__ = object.__repr__  # a traceback with its variables would show the link (CWE-532)


class MailComposer:
    """Writes the mails: their values, language, look and sender.

    `offers_securing`: whether confirmations have the button "this was not me".
    """

    def __init__(self, templates: Templates, themes: Themes, settings: Settings) -> None:
        self._languages = themes.languages
        self._templates = templates
        self._of_kinds = {
            kind: templates.with_globals(one.globals) for kind, one in themes.kinds.items()
        }
        self._urls = PageUrls(settings)
        self._reply_to = settings.brand.support_address
        self._sender = local_sender(settings.brand.name, self._reply_to)
        if settings.mail.from_:
            self._sender = str(parse_sender(settings.mail.from_))
        self._ends_sessions = ends_sessions(settings.accounts)
        self.offers_securing = self._urls.has_secure_account_page

    def with_link(
        self,
        account: Account,
        client: Client,
        token: str,
        link: OneTimeSecret,
        code: Minted | None = None,
    ) -> ComposedMail:
        """Return the mail with a fresh link and perhaps a code.

        It is an invitation if the account awaits its first password.
        """
        common: dict[str, Any] = {
            "name": greeting_name(account.name),
            "email": account.email,
            "link": self._urls.reset(token, account.email),
            "expires_at": link.expires_at,
            "lifetime": link.expires_at - link.created_at,
            "reason": facts_of(link).reason,
        }
        props: EmailProps
        if account.awaits_password:
            props = email_props.InvitationProps(**common)
        else:
            props = email_props.PasswordResetProps(
                **common,
                recovers=link.recovers,
                locked=account.locked,
                by_operator=bool(client.operator) and not link.recovers,
                code=code.text if code else "",
                code_expires_at=code.secret.expires_at if code else None,
            )
        return ComposedMail(
            email=self._write(props, account, client), written_at=now(), link=link.key
        )

    def about_provider(self, account: Account, client: Client) -> ComposedMail:
        """Return the mail that names the provider by which the account's owner signs in."""
        props = email_props.SignInWithProviderProps(
            name=greeting_name(account.name),
            email=account.email,
            provider=account.provider[: email_props.LONGEST_PROVIDER],
            sign_in_link=self._urls.sign_in,
        )
        return ComposedMail(email=self._write(props, account, client), written_at=now())

    def about(
        self, account: Account, notice: Notice, token: str = "", until: datetime | None = None
    ) -> ComposedMail:
        """Return the mail of a notice.

        `token`: the token of the button's link; "" for a mail without the button.
        `until`: when that link expires.
        """
        button = {
            "secure_link": self._urls.secure_account_link(token),
            "secure_until": until,
            "secure_for": BUTTON_LIFE,
        }
        props = self._props_of(account, notice, button if token else {})
        return ComposedMail(email=self._write(props, account, notice.client), written_at=now())

    def _props_of(self, account: Account, notice: Notice, button: Mapping[str, Any]) -> EmailProps:
        language = self._language_for(account, notice.client)
        incident: dict[str, Any] = {
            "name": greeting_name(account.name),
            "email": account.email,
            "address": notice.client.ip_address,
            "device": device_name(notice.client.user_agent, language),
            "forgot_link": self._urls.forgot,
        }
        match notice:
            case messages.LinkWasIssued(invites=invites):
                return email_props.HelpRequestedProps(
                    requested_at=notice.at, is_invited=invites, **incident, **button
                )
            case messages.PasswordWasChanged():
                incident |= {
                    "sessions_ended": self._ends_sessions,
                    "ended": ended_in_words(notice.ended, language),
                }
                return email_props.PasswordChangedProps(changed_at=notice.at, **incident, **button)
            case messages.SecondStepWasChanged(change=change):
                incident["is_set_up"] = change in ("totp_set", "phone_set")
                incident["is_removed"] = change == "factors_removed"
                return email_props.SecondStepChangedProps(
                    changed_at=notice.at, **incident, **button
                )
            case messages.SecondStepHasFailed():
                return email_props.SecondStepFailedProps(
                    failed_at=notice.at, signing_in=notice.signing_in, **incident
                )
            case messages.AddressDisputed(is_current=is_current):
                # An earlier mailbox may be an attacker's, and must not learn a name that the
                # account got after it left that mailbox.
                return email_props.AddressDisputedProps(
                    is_current=is_current,
                    name=greeting_name(account.name) if is_current else "",
                    email=account.email,
                    forgot_link=self._urls.forgot,
                )
        raise TypeError(f"{type(notice).__name__} has no mail")

    def _language_for(self, account: Account, client: Client) -> Language:
        """Return the account's language, else that of the browser that caused the mail.

        Times are in the account's time zone.
        """
        language = self._languages.choose(account.locale, client.languages)
        return language.in_zone(account.timezone)

    def _write(self, props: EmailProps, account: Account, client: Client) -> Email:
        templates = self._of_kinds.get(account.kind, self._templates)
        rendered = templates.render(props, self._language_for(account, client))
        headers = {
            # By these, out-of-office programs know an automatic mail, and do not answer it (RFC
            # 3834).
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            # Unless this differs, Gmail hides what a mail repeats from an earlier one with the same
            # subject, even the button.
            "X-Entity-Ref-ID": random_bytes(16).hex(),
        }
        tags = {"template": props.template}
        if client.request_id:
            # The provider's log of the mail then leads back to the request.
            headers["X-Request-ID"] = client.request_id
            tags["request_id"] = client.request_id
        return Email(
            sender=self._sender,
            to=account.email,
            reply_to=self._reply_to,
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            headers=headers,
            tags=tags,
        )
