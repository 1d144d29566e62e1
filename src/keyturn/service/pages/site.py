"""What the pages' templates know of the service and its settings."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self
from urllib.parse import urlencode, urlsplit

from keyturn.service.accounts.store_factory import ends_sessions
from keyturn.service.container import Container
from keyturn.service.reset.mails.theme import Theme, Themes
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import ApiRoute, Paths, hosted_path


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The variable `site` of the pages' templates.

    `link_life`: how long a requested link works.
    `sign_in_url`, `forgot_url`: pages elsewhere; "" for the hosted page.
    `prefix`: the path of `base_url`, before all paths.
    """

    settings: Settings
    themes: Themes
    link_life: timedelta
    paths: Paths = field(default_factory=Paths)
    sign_in_url: str = ""
    forgot_url: str = ""
    prefix: str = ""
    reload: bool = False
    codes: bool = False
    takes_names: bool = False

    @classmethod
    def of(cls, container: Container) -> Self:
        settings = container.settings
        sign_in_url = container.urls.sign_in
        if container.sign_ins and hosted_path(settings.sign_in_page):
            sign_in_url = ""
        forgot_url = container.urls.forgot
        if hosted_path(settings.forgot_url):
            forgot_url = ""
        return cls(
            settings=settings,
            themes=container.themes,
            link_life=container.lifetimes.requested,
            paths=container.paths,
            sign_in_url=sign_in_url,
            forgot_url=forgot_url,
            prefix=urlsplit(settings.base_url).path.rstrip("/"),
            reload=container.reloads_templates,
            codes=bool(container.codes),
            takes_names=container.accounts.takes_names,
        )

    @property
    def ends_sessions(self) -> bool:
        """Whether securing an account, or a new password, ends all of its sessions.

        It then ends those of the app, too.
        """
        return ends_sessions(self.settings.accounts)

    @property
    def challenge_url(self) -> str:
        return self.url(f"{self.paths.api.rstrip('/')}{ApiRoute.CHALLENGE}")

    @property
    def sign_in(self) -> str:
        return self.sign_in_url or self.url(self.paths.sign_in)

    @property
    def forgot(self) -> str:
        return self.forgot_url or self.url(self.paths.forgot)

    def hosted_sign_in(self, wanted: str) -> str:
        """Return the URL of the hosted sign-in page, which then leads to the page `wanted`."""
        return f"{self.url(self.paths.sign_in)}?{urlencode({'next': wanted})}"

    @property
    def settings_paths(self) -> list[str]:
        """The paths of the hosted security settings."""
        paths = [self.paths.security_settings]
        for location in self.paths.security_settings_by_kind.values():
            is_hosted = location.startswith("/")
            if is_hosted and location not in paths:
                paths.append(location)
        return paths

    def settings_url(self, kind: str) -> str:
        """Return the URL of the security settings for accounts of that kind, as browsers see it."""
        location = self.settings_location(kind)
        if location in self.settings_paths:
            return self.url(location)
        return location

    def settings_location(self, kind: str) -> str:
        """Return the same as it is in the settings: a path of this service, or a URL."""
        return self.paths.security_settings_by_kind.get(kind, self.paths.security_settings)

    def url(self, path: str) -> str:
        """Return a path of this service as browsers see it."""
        return self.prefix + path

    def theme(self, kind: str) -> Theme:
        """Return the theme for accounts of that kind; "" if the account is unknown."""
        return self.themes.kinds.get(kind, self.themes.general)
