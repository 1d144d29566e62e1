"""What the pages need to know."""

from dataclasses import dataclass
from datetime import timedelta

from keyturn.languages import Languages
from keyturn.mail.palette import Palette
from keyturn.reset.http import SessionCookie
from keyturn.reset.password import PasswordPolicy
from keyturn.reset.resets import PasswordResets
from keyturn.reset.signing_in import SignIns
from keyturn.settings import Brand

SETTINGS = {"viewer": "/viewer-settings/security", "school": "/school-settings/security"}
"""Where each kind of account has its security settings; an account of no known kind has a viewer's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """`sign_ins` is None where the built-in store's sessions are not in use: then nobody signs in here.

    `sign_in_url` is where "Back to sign in" and a saved password lead, the hosted page unless it is set. `prefix` is
    the path under which browsers see every route, without a slash at its end; a proxy takes it away.
    """

    resets: PasswordResets
    sign_ins: SignIns | None
    policy: PasswordPolicy
    languages: Languages
    brand: Brand
    palette: Palette
    session_cookie: SessionCookie
    csrf_secret: str
    secure: bool
    token_ttl: timedelta
    cooldown: timedelta
    sign_in_url: str = ""
    prefix: str = ""

    @property
    def sign_in(self) -> str:
        return self.sign_in_url or self.url("/login")

    def url(self, path: str) -> str:
        return self.prefix + path


def settings_path(kind: str) -> str:
    return SETTINGS.get(kind, SETTINGS["viewer"])
