"""What the pages know of the service and its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from keyturn.mail.languages import Languages
from keyturn.service.api.requests import HostCookie
from keyturn.service.problems.proofs import Challenge
from keyturn.service.reset.check import LinkChecks
from keyturn.service.reset.complete import PasswordResets
from keyturn.service.reset.mails.palette import Palette
from keyturn.service.reset.mails.theme import Theme
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.reset.proofs.challenge import RequestChallenge
from keyturn.service.reset.proofs.codes import CodeExchange
from keyturn.service.reset.records.mailboxes import Mailboxes
from keyturn.service.reset.request import ResetRequests
from keyturn.service.reset.return_addresses import ReturnAddresses
from keyturn.service.reset.securing import AccountSecuring
from keyturn.service.reset.sign_in import SignIns
from keyturn.service.settings import Brand
from keyturn.service.settings.paths import Paths


class ShownChallenge(msgspec.Struct, frozen=True):
    """The challenge as templates see it: its kind."""

    asked: Challenge


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateSite:
    """What the pages' templates know of the site.

    `kinds`: themes of kinds of accounts that have one of their own.
    `sign_in_url`: the target of "Back to sign-in" and of a saved password. Empty: the hosted page.
    `forgot_url`: the page for requesting a link. Empty: the hosted page.
    `prefix`: the path above every route in browsers, without a slash at its end; a proxy removes it.
    `templates`: the folder of custom templates. With `reload`, changes in it show at once.
    `challenge`: None if none is required.
    `codes`: None if mails hold no code beside their link.
    `ends_sessions`: securing an account or changing its password ends all its sessions, including those of the app.
    `has_app`: the accounts are an app's, which may have sessions of its own.
    `takes_names`: users may enter a user name in place of their address.
    """

    languages: Languages
    brand: Brand
    palette: Palette
    link_life: timedelta
    paths: Paths = field(default_factory=Paths)
    kinds: Mapping[str, Theme] = field(default_factory=dict)
    sign_in_url: str = ""
    forgot_url: str = ""
    prefix: str = ""
    templates: str = ""
    reload: bool = False
    challenge: RequestChallenge | ShownChallenge | None = None
    codes: object | None = None
    ends_sessions: bool = True
    has_app: bool = False
    takes_names: bool = False

    @property
    def challenge_url(self) -> str:
        """The source of ALTCHA's puzzles."""
        return self.url(f"{self.paths.api.rstrip('/')}/challenge")

    @property
    def sign_in(self) -> str:
        return self.sign_in_url or self.url(self.paths.sign_in)

    @property
    def forgot(self) -> str:
        return self.forgot_url or self.url(self.paths.forgot)

    @property
    def settings_paths(self) -> list[str]:
        """The paths of the hosted security settings, each once."""
        own = (location for location in self.paths.settings.values() if location.startswith("/"))
        return list(dict.fromkeys((self.paths.security, *own)))

    def settings_url(self, kind: str) -> str:
        """Return the security settings of accounts of that kind: a page here, or an address elsewhere."""
        location = self.settings_location(kind)
        return self.url(location) if location in self.settings_paths else location

    def settings_location(self, kind: str) -> str:
        """Return the same as in the settings: a path of this service, or a URL."""
        return self.paths.settings.get(kind, self.paths.security)

    def url(self, path: str) -> str:
        """Return a path of this service as browsers see it."""
        return self.prefix + path

    def theme(self, kind: str) -> Theme:
        """Return the theme for accounts of that kind; "" if the account is unknown."""
        general = Theme(brand=self.brand, palette=self.palette, languages=self.languages)
        return self.kinds.get(kind, general)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site(TemplateSite):
    """What each page knows of the service and its settings.

    `leads_to_sign_in`: a saved password leads directly to an external sign-in page.
    `sign_ins`: None if users sign in elsewhere.
    `secure`: browsers use https.
    `return_addresses`: where a request may ask to return after the reset.
    """

    requests: ResetRequests
    checks: LinkChecks
    resets: PasswordResets
    sign_ins: SignIns | None
    policy: PasswordPolicy
    session_cookie: HostCookie
    device_cookie: HostCookie
    csrf_secret: str
    secure: bool
    mailboxes: Mailboxes
    securing: AccountSecuring
    return_addresses: ReturnAddresses
    leads_to_sign_in: bool = False
    challenge: RequestChallenge | None = None
    codes: CodeExchange | None = None
