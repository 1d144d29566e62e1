"""Composes the mails, from an account and an event. They are then ready to be sealed."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from keyturn.mail.addresses import parse_sender
from keyturn.mail.languages.language import Language, SourceTexts
from keyturn.mail.port.email import Email, local_sender
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.store_factory import ends_sessions
from keyturn.service.client import Client
from keyturn.service.clock import now, random_bytes
from keyturn.service.one_time_secrets import Fresh, OneTimeSecret
from keyturn.service.reset.mails import email_props
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.records import messages
from keyturn.service.reset.records.lifetimes import BUTTON_LIFE
from keyturn.service.reset.records.messages import Notice
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import PageUrls

_LONGEST_NAME = 120
_LONGEST_PROVIDER = 40
_LIKE_A_LINK = re.compile(r"[/@]|www\.|\S[.\u3002]\w[^\s.,;)'\u2019-]", re.IGNORECASE)
"""A slash, an @, or a dot with two letters after it and no space, as in evil.com. "J.R. Ewing" and
"St. John" do not match.
"""

_TURNS_TEXT_ROUND = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""The explicit formatting characters of Unicode's UAX 9, 2."""


class ComposedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that is ready to be sealed: encrypted and stored with its message.

    `written_at`: when it was rendered.
    `link`: the key of its link, by which a later try finds out whether the link still works.
    """

    email: Email
    written_at: datetime
    link: bytes | None = None


class MailComposer:
    """Writes the mails: their values, language, look and sender.

    `offers_securing`: whether confirmations have the button "this was not me".
    """

    def __init__(self, templates: Templates, themes: Themes, settings: Settings) -> None:
        self._languages, self._templates = themes.languages, templates
        self._of_kinds = {
            kind: templates.with_globals(one.globals) for kind, one in themes.kinds.items()
        }
        self._urls = PageUrls(settings)
        self._reply_to = settings.brand.support_address
        self._sender = local_sender(settings.brand.name, self._reply_to)
        if settings.mail.from_:
            self._sender = str(parse_sender(settings.mail.from_))
        self._ends_sessions = ends_sessions(settings.accounts)
        self.offers_securing = self._urls.secures

    def with_link(
        self,
        account: Account,
        client: Client,
        token: str,
        link: OneTimeSecret,
        code: Fresh | None = None,
    ) -> ComposedMail:
        """Return the mail with a fresh link and perhaps a code.

        It is an invitation if the account awaits its first password.
        """
        common: dict[str, Any] = {
            "name": _greeting_name(account.name),
            "email": account.email,
            "link": self._urls.reset(token, account.email),
            "expires_at": link.expires_at,
            "lifetime": link.expires_at - link.created_at,
            "reason": link.facts.reason,
        }
        props: EmailProps = email_props.InvitationProps(**common)
        if not account.awaits_password:
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
        props = email_props.SignInWithProviderProps(
            name=_greeting_name(account.name),
            email=account.email,
            provider=account.provider[:_LONGEST_PROVIDER],
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
            "secure_link": self._urls.secure(token),
            "secure_until": until,
            "secure_for": BUTTON_LIFE,
        }
        props = self._props_of(account, notice, button if token else {})
        return ComposedMail(email=self._write(props, account, notice.client), written_at=now())

    def _props_of(self, account: Account, notice: Notice, button: Mapping[str, Any]) -> EmailProps:
        language = self._language_for(account, notice.client)
        incident: dict[str, Any] = {
            "name": _greeting_name(account.name),
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
                names = {"name": incident["name"] if is_current else "", "email": account.email}
                return email_props.AddressDisputedProps(
                    is_current=is_current, forgot_link=self._urls.forgot, **names
                )
        raise TypeError(f"{type(notice).__name__} has no mail")

    def _language_for(self, account: Account, client: Client) -> Language:
        """Return the account's language, else that of the browser that caused the mail.

        Times are in the account's time zone.
        """
        return self._languages.choose(account.locale, client.languages).in_zone(account.timezone)

    def _write(self, props: EmailProps, account: Account, client: Client) -> Email:
        templates = self._of_kinds.get(account.kind, self._templates)
        rendered = templates.render(props, self._language_for(account, client))
        # By these headers, out-of-office programs know an automatic mail, and do not answer it (RFC
        # 3834). Gmail hides what a mail repeats from an earlier one with the same subject, even the
        # button, unless X-Entity-Ref-ID differs.
        automatic = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
        mark = {"X-Entity-Ref-ID": random_bytes(16).hex()}
        return Email(
            sender=self._sender,
            to=account.email,
            reply_to=self._reply_to,
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            headers=automatic | mark | _request_id_as("X-Request-ID", client),
            tags={"template": props.template} | _request_id_as("request_id", client),
        )


def _request_id_as(key: str, client: Client) -> dict[str, str]:
    """Return the request's id under a key: the provider's log of the mail then leads back to it."""
    return {key: client.request_id} if client.request_id else {}


def _greeting_name(name: str) -> str:
    """Return the name in one line; "" if a mail program would make a link of it, or show it in
    another order than it is written.

    Users choose their names, so an attacker could choose a link and mail it to any address.
    Full-width signs count as plain ones (UTS 46). Signs that change the direction of text are
    refused (UTS 55).
    """
    line = " ".join(name.split())[:_LONGEST_NAME].rstrip()
    is_unseen = any(
        unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in _TURNS_TEXT_ROUND
        for c in line
    )
    return "" if is_unseen or _LIKE_A_LINK.search(unicodedata.normalize("NFKC", line)) else line


_WORDS: Mapping[str, Callable[[SourceTexts, int], str]] = {
    "sessions": lambda texts, n: texts.ngettext("%(num)s session", "%(num)s sessions", n),
    "passkeys": lambda texts, n: texts.ngettext("%(num)s passkey", "%(num)s passkeys", n),
    "access_tokens": lambda texts, n: texts.ngettext(
        "%(num)s access token", "%(num)s access tokens", n
    ),
    "api_keys": lambda texts, n: texts.ngettext("%(num)s API key", "%(num)s API keys", n),
    "ssh_keys": lambda texts, n: texts.ngettext("%(num)s SSH key", "%(num)s SSH keys", n),
    "oauth_grants": lambda texts, n: texts.ngettext(
        "%(num)s app permission", "%(num)s app permissions", n
    ),
    "trusted_devices": lambda texts, n: texts.ngettext(
        "%(num)s trusted device", "%(num)s trusted devices", n
    ),
}


def ended_in_words(counts: Mapping[str, int], language: Language) -> str:
    """Return the counts as a list in words, such as "3 sessions and 1 access token".

    Kinds that only an app's store knows are left out.
    """
    return language.join_list(
        word(language, counts[what]) for what, word in _WORDS.items() if counts.get(what)
    )


_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "YaBrowser/": "Yandex Browser",
    "Vivaldi/": "Vivaldi",
    "DuckDuckGo/": "DuckDuckGo",
    "Ddg/": "DuckDuckGo",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
}
"""Parts of user agents, and the browsers that they name.

The first match counts: many browsers also name others that are further down.
"""

_SYSTEMS = {
    "Windows": "Windows",
    "iPhone": "iOS",
    "iPad": "iPadOS",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def device_name(user_agent: str, texts: SourceTexts) -> str:
    """Return for example "Firefox on Windows"; "" if no browser is recognised.

    A wrong guess would alarm the reader.
    """
    browser, system = _first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent)
    return (
        texts.gettext("%(browser)s on %(system)s", browser=browser, system=system)
        if browser and system
        else browser
    )


def _first(names: Mapping[str, str], user_agent: str) -> str:
    return next((name for sign, name in names.items() if sign in user_agent), "")
