"""Chooses the language for a user."""

import contextlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import get_global

from keyturn.languages.catalogues import ANY, PACKAGED, Catalogues, lineage, parse_locale
from keyturn.languages.faults import CatalogueFault, catalogue_faults
from keyturn.languages.language import SOURCE_LANGUAGE, Language

_LONGEST_HEADER = 200
_REMEMBERED = 1024
_NAMES = ("locales", "locale", "translations")
# Norwegian is also requested as "no", and readers of one of its two written languages read the other. CLDR's
# languageMatching says so, but Babel does not include it.
_READ_ALIKE = {"nb": "no", "nn": "no"}


class Languages:
    """The languages with a catalogue, always including English, by their BCP 47 tags.

    Without folders they are Keyturn's own. A later folder adds languages, and its texts win over those of earlier ones.
    `more`: tags of languages without a catalogue.

    `only`: offer only these tags, with the first as the default in place of English. Links of catalogues must stay
    within the `bounds`.
    """

    def __init__(
        self,
        timezone: str,
        *folders: Path,
        domain: str = "keyturn",
        reload: bool = False,
        more: Iterable[str] = (),
        only: Iterable[str] = (),
        bounds: Path | None = None,
    ) -> None:
        self.catalogues = Catalogues(folders or (PACKAGED,), domain, bounds)
        zone = ZoneInfo(timezone)
        found = [Locale.parse(SOURCE_LANGUAGE), *(locale for _, locale in self.catalogues.languages() if locale)]
        named, added = ([locale for tag in tags if (locale := parse_locale(tag))] for tags in (only, more))
        by_name = {str(locale): locale for locale in named or [*found, *added]}
        languages = (Language(by_name[name], zone, self.catalogues, reload=reload) for name in sorted(by_name))
        self.known: Mapping[str, Language] = {language.tag: language for language in languages}
        self._last_resort = self.known[str(named[0]).replace("_", "-") if named else SOURCE_LANGUAGE]
        # Reversed, so that the first of several regions stays.
        self._by_writing = {_writing(language.locale): language for language in reversed(self.known.values())}
        self._remembered = lru_cache(_REMEMBERED)(self._choose)

    def choose(self, locale: str, accept_language: str = "") -> Language:
        """Return the language of an account's locale, else the best of an Accept-Language header, else English."""
        return self._remembered(locale[:_LONGEST_HEADER], accept_language[:_LONGEST_HEADER])

    def faults(self) -> list[CatalogueFault]:
        """Return the faults in the catalogues."""
        return list(catalogue_faults(self.catalogues))

    def _choose(self, locale: str, accept_language: str) -> Language:
        for tag in (locale, *_by_preference(accept_language)):
            if (found := parse_locale(tag)) and (language := self._closest(found)):
                return language
        return self._last_resort

    def _closest(self, locale: Locale) -> Language | None:
        """Return the locale itself, else its nearest parent, else the same language in the same script."""
        tags = (name.replace("_", "-") for name in lineage(locale))
        return next((self.known[tag] for tag in tags if tag in self.known), self._by_writing.get(_writing(locale)))


def _writing(locale: Locale) -> tuple[str, str]:
    """Return the written language of a locale: a language and its script, by default the likely one (CLDR)."""
    script = locale.script
    if not script:
        likely = get_global("likely_subtags")
        found = parse_locale(likely.get(f"{locale.language}_{locale.territory}") or likely.get(locale.language, ""))
        script = found.script if found else None
    return _READ_ALIKE.get(locale.language, locale.language), script or ""


def languages_in(folder: Path, timezone: str, more: Iterable[str] = (), bounds: Path | None = None) -> Languages:
    """Return the languages of a project's templates: their catalogues are in that folder, or right beside it.

    The folder is named as in gettext, Flask and Django: `locales`, `locale` or `translations`.
    """
    places = [place / name for place, name in product((folder.parent, folder), _NAMES)]
    return Languages(timezone, *places, domain=ANY, reload=True, more=more, bounds=bounds)


def _by_preference(accept_language: str) -> list[str]:
    """Return the tags of an Accept-Language header by preference (RFC 9110, 12.5.4)."""
    weighted: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, weight = part.strip().partition(";q=")
        with contextlib.suppress(ValueError):
            weighted.append((float(weight or 1), tag))
    return [tag for weight, tag in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0]
