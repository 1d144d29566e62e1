"""The hosted pages without a service, each in every state: for designers, and for the check at the start.

A state is a template with the values of its page. The studio shows the states through its own interface
(`emails/studio/studio.py`), so neither half knows the other; `cli` connects them.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.accounts.store_factory import ends_sessions
from keyturn.service.clock import now
from keyturn.service.pages.assets import Assets
from keyturn.service.pages.preview.own_templates import (
    draw_state,
    require_drawable,
    template_faults,
)
from keyturn.service.pages.preview.states import STATES, StateSample
from keyturn.service.pages.rendering import PageTemplates
from keyturn.service.pages.site import Site
from keyturn.service.reset.mails.theme import Theme, Themes, brands_with, own_languages, themes_of_kinds
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import Paths

__all__ = ["PagePreview", "require_drawable"]


_PATHS = Paths(forgot="/forgot", reset="/reset", sign_in="/sign-in", security="/settings")
"""In a preview, a page leads to the first state of another."""


class PagePreview:
    """Draws any state of any page with its files, in the brands of the settings and in `others`.

    A save shows at once: settings, templates, stylesheets and logos are read again for each page.
    """

    def __init__(
        self,
        settings: Settings,
        others: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        read_anew: Callable[[], Settings] | None = None,
    ) -> None:
        """`read_anew` returns the current settings, or raises SettingsInvalid."""
        self._others = others or {}
        self._read_anew = read_anew
        self._take(settings)

    def _take(self, settings: Settings) -> None:
        self._settings = settings
        self._languages = own_languages(settings, reload=True)
        self._themes = themes_of_kinds(settings, self._languages, reload=True)
        named = {f"studio.brands.{name}": differs for name, differs in self._others.items()}
        for name, brand in zip(self._others, brands_with(named, settings.brand), strict=True):
            self._themes[name] = Theme.of(brand, self._languages, kind=name)
        policy = PasswordPolicy(settings.password, settings.brand.name, max_bytes=settings.hashing.max_bytes)
        self._rules = policy.rules
        policy.close()

    @property
    def states(self) -> Sequence[tuple[str, str, str]]:
        """The name, label and template of each state."""
        return [(state.name, state.label, state.template) for state in STATES]

    @property
    def watched_folders(self) -> Sequence[Path]:
        """The folders in which a save changes a page."""
        brands = [self._settings.brand, *(theme.brand for theme in self._themes.values())]
        files = [
            file
            for brand in brands
            for file in (brand.stylesheet, brand.logo, brand.logo_dark)
            if file and "://" not in file
        ]
        templates = [Path(self._settings.pages.templates)] if self._settings.pages.templates else []
        folders = {path.resolve() for path in (*templates, *(Path(file).parent for file in files))}
        return sorted(folder for folder in folders if folder.is_dir())

    def faults(self) -> Sequence[Fault]:
        """Return the mistakes in custom templates. With any of them the service refuses to start."""
        site = self._site("")
        return template_faults(site, Assets(site, {}), self._rules)

    def page(self, state: str, language: str, brand: str, prefix: str) -> str:
        """Return a page whose links and files are below `prefix`.

        Raises LookupError for an unknown state or brand, and TemplateInvalid. Raises ValueError for a missing file of
        the brand, and for settings with which the service would not start.
        """
        self._catch_up()
        shown = next((each for each in STATES if each.name == state), None)
        if shown is None:
            raise LookupError(f"There is no page called {state}.")
        if brand and brand not in self._themes:
            raise LookupError(f"There is no brand called {brand}.")
        site = self._site(prefix)
        sample = StateSample(site, self._rules, now(), brand)
        spoken = site.theme(brand).languages.choose(language)
        templates = PageTemplates(site, Assets(site, {}), self._settings.pages.templates)
        return draw_state(templates, shown, sample, spoken)

    def _catch_up(self) -> None:
        """Take over changed settings, so that a saved colour shows as a saved template does."""
        if self._read_anew is None:
            return
        try:
            settings = self._read_anew()
        except SettingsInvalid as invalid:
            raise ValueError(str(invalid)) from invalid
        if settings != self._settings:
            self._take(settings)

    def file(self, name: str) -> tuple[bytes, str]:
        """Return a file that a page loads, and its media type. Raises LookupError."""
        return Assets(self._site(""), {}).content(name)

    def _site(self, prefix: str) -> Site:
        settings = self._settings
        general = Theme.of(settings.brand, self._languages)
        fresh = {name: Theme.of(one.brand, one.languages, kind=one.kind) for name, one in self._themes.items()}
        return Site(
            settings=settings,
            themes=Themes(general=general, kinds=fresh),
            paths=_PATHS,
            prefix=prefix,
            reload=True,
            ends_sessions=ends_sessions(settings.accounts),
            takes_names=bool(settings.accounts.table.username),
        )
