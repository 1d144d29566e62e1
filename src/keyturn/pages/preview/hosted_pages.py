"""The hosted pages as the studio shows them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keyturn.database import now
from keyturn.errors import Fault, SettingsInvalid
from keyturn.pages.assets import Assets
from keyturn.pages.page_templates import PageTemplates
from keyturn.pages.preview.drawing import draw_state, refused_of_state
from keyturn.pages.preview.own_templates import refused_in, template_faults
from keyturn.pages.preview.states import STATES, Sample
from keyturn.pages.site import TemplateSite
from keyturn.reset.mails.theme import Theme, brands_with, own_languages, themes_of_kinds
from keyturn.reset.passwords.policy import PasswordPolicy
from keyturn.settings import Paths, Settings

_PATHS = Paths(forgot="/forgot", reset="/reset", sign_in="/sign-in", security="/settings")
"""In a preview, a page leads to the first state of another."""


class HostedPages:
    """Draws any state of any page, with the files that it loads, in the brands of the settings and in `others`.

    What is saved is seen at once: settings, templates, stylesheets and logos are read anew for each page.
    """

    def __init__(
        self,
        settings: Settings,
        others: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        read_anew: Callable[[], Settings] | None = None,
    ) -> None:
        """`read_anew` returns the settings as they are by now, or raises SettingsInvalid."""
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
        policy = PasswordPolicy(
            settings.password, settings.brand.name, max_bytes=settings.hashing.max_bytes, hashes_known=False
        )
        self._rules = policy.rules
        policy.close()

    @property
    def states(self) -> Sequence[tuple[str, str, str]]:
        """The name of each state, what people call it, and its template."""
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
        """Return what is wrong with templates of one's own, for each of which the service refuses to start."""
        site = self._site("")
        return template_faults(site, Assets(site, {}), self._rules)

    def page(self, state: str, language: str, brand: str, prefix: str) -> str:
        """Return a page whose links and files are below `prefix`.

        Raises LookupError for a state or a brand that does not exist, TemplateInvalid, ValueError for a file of the
        brand that is gone, and for settings with which the service would not start.
        """
        self._catch_up()
        found = next((one for one in STATES if one.name == state), None)
        if found is None:
            raise LookupError(f"There is no page called {state}.")
        if brand and brand not in self._themes:
            raise LookupError(f"There is no brand called {brand}.")
        site = self._site(prefix)
        sample = Sample(site, self._rules, now(), brand)
        spoken = site.theme(brand).languages.choose(language)
        templates = PageTemplates(site, Assets(site, {}))
        if site.templates:
            own = Path(site.templates).resolve()
            for refused in refused_of_state(templates, found, sample, spoken):
                raise refused_in(own, found.template, refused)
        return draw_state(templates, found, sample, spoken)

    def _catch_up(self) -> None:
        """Take the settings over where they were changed, so that a saved colour is seen as a saved template is."""
        if self._read_anew is None:
            return
        try:
            settings = self._read_anew()
        except SettingsInvalid as invalid:
            raise ValueError(str(invalid)) from invalid
        if settings != self._settings:
            self._take(settings)

    def file(self, name: str) -> tuple[bytes, str]:
        """Return what a page loads under a name, and its media type. Raises LookupError."""
        return Assets(self._site(""), {}).content(name)

    def _site(self, prefix: str) -> TemplateSite:
        settings = self._settings
        general = Theme.of(settings.brand, self._languages)
        fresh = {name: Theme.of(one.brand, one.languages, kind=one.kind) for name, one in self._themes.items()}
        return TemplateSite(
            languages=self._languages,
            brand=settings.brand,
            palette=general.palette,
            link_life=settings.token.ttl,
            paths=_PATHS,
            kinds=fresh,
            prefix=prefix,
            templates=settings.pages.templates,
            reload=True,
        )
