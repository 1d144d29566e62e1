"""A language with its texts, its direction and its formats, and the choice of a user's language."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from functools import cached_property, lru_cache
from gettext import NullTranslations
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.core import get_global
from babel.dates import format_date, format_timedelta
from babel.lists import format_list
from babel.numbers import format_decimal
from jinja2 import Environment, pass_context, pass_eval_context
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, markup_join
from markupsafe import Markup, escape

from keyturn.mail.languages.catalogues import ANY, PACKAGED, Catalogues, lineage, parse_locale

SOURCE_LANGUAGE = "en"

READER = "_reader"
"""The name under which a template gets its reader's language, with the reader's time zone."""

_LONGEST_ZONE = 64
_Unit = Literal["day", "hour", "minute", "second"]
_UNITS: Mapping[_Unit, int] = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_ISOLATE = "\u2068"
_END = "\u2069"
_TAG_OR_PLACEHOLDER = re.compile(r"<[A-Za-z/!][^<>]*(?:>|\Z)|%%|%\((?P<name>\w+)\)s")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def _is_isolated(value: object) -> bool:
    """Tell whether a value can change the order of the text around it.

    Markup declares its own direction.
    """
    return isinstance(value, str) and bool(value) and not hasattr(value, "__html__")


class SourceTexts:
    """The texts of the source, in English."""

    @property
    def translations(self) -> NullTranslations:
        return NullTranslations()

    def gettext(self, text: str, /, **values: object) -> str:
        """Return the translation with its placeholders filled in; the text itself if it has no
        translation.
        """
        return self.fill_in(self.translations.gettext(text), values)

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """Return the translation of a text with a number, in the plural form that fits."""
        text = self.translations.ngettext(one, many, number)
        return self.fill_in(text, {"num": number, **values})

    def pgettext(self, context: str, text: str, /, **values: object) -> str:
        """Return the translation of a text in a context.

        The same text may have another translation elsewhere, as on a button and in a heading.
        """
        return self.fill_in(self.translations.pgettext(context, text), values)

    def fill_in(self, text: str, values: Mapping[str, object]) -> str:
        return self.with_isolates(text, values) % values

    # `values`: for a subclass.
    def with_isolates(self, text: str, values: Mapping[str, object]) -> str:  # noqa: ARG002
        """Return the text; if the language needs it, its placeholders isolate their values from the
        words around them.
        """
        return text


@dataclass(frozen=True, eq=False)
class Language(SourceTexts):
    """A language for users: texts, dates, numbers.

    `reload`: read a catalogue again after it was saved.
    `loaded`: the texts, and the state of the files that they were read from; shared with the
    variants in other time zones.
    """

    locale: Locale
    timezone: tzinfo
    catalogues: Catalogues = Catalogues()
    _: KW_ONLY
    reload: bool = False
    loaded: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def translations(self) -> NullTranslations:
        """The texts of the catalogues. Raises CatalogueInvalid."""
        if self.reload or not self.loaded:
            stats = [file.stat() for file in self.files if file.is_file()]
            state = [(stat.st_mtime_ns, stat.st_size) for stat in stats]
            if self.loaded.get("state") != state:
                self.loaded.update(state=state, texts=self.catalogues.translations(self.locale))
        texts: NullTranslations = self.loaded["texts"]
        return texts

    @cached_property
    def files(self) -> list[Path]:
        """The catalogues that are searched for a text, in order."""
        return self.catalogues.files(self.locale)

    def in_zone(self, name: str) -> "Language":
        """Return the language with times in an IANA zone; unchanged if the zone does not exist."""
        if not name:
            return self
        zone = _zone(name[:_LONGEST_ZONE])
        if zone is None:
            return self
        return replace(self, timezone=zone)

    @cached_property
    def tag(self) -> str:
        return str(self.locale).replace("_", "-")

    @property
    def name(self) -> str:
        name = _OWN_NAMES.get(str(self.locale)) or self.locale.get_display_name() or self.tag
        return name[:1].upper() + name[1:]

    @cached_property
    def direction(self) -> str:
        return self.locale.text_direction

    @cached_property
    def _formats(self) -> Locale:
        # English uses the international form: the day before the month, and 24 hours.
        return Locale("en", "001") if str(self.locale) == SOURCE_LANGUAGE else self.locale

    def clock(self, moment: datetime) -> str:
        """Format as "14:32 UTC": hours and minutes with the zone, since the reader may be in
        another zone.
        """
        local = moment.astimezone(self.timezone)
        hours_and_minutes = self._formats.datetime_skeletons["Hm"].apply(local, self._formats)
        return f"{hours_and_minutes} {_zone_name(local)}"

    def moment(self, moment: datetime) -> str:
        """Format as "20 November 2026, 14:07 UTC"."""
        day = format_date(moment.astimezone(self.timezone), "long", locale=self._formats)
        clock = self.isolate(self.clock(moment))
        return str(self._formats.datetime_formats["medium"].format(clock, day))

    def duration(self, span: timedelta, *, is_ahead: bool = False) -> str:
        """Format as "30 minutes", "1 hour": in the largest unit that divides the span.

        `is_ahead`: format as "in 30 minutes".
        """
        seconds = int(span.total_seconds())
        unit = next(unit for unit, length in _UNITS.items() if seconds % length == 0)
        # With an endless threshold Babel keeps to the unit.
        text = format_timedelta(span, unit, math.inf, add_direction=is_ahead, locale=self.locale)
        # CLDR has a space between a number and its unit. Japanese is written without one.
        return text.replace(" ", "") if self.locale.language == "ja" else text

    def in_time(self, span: timedelta) -> str:
        """Format as "in 30 minutes"."""
        return self.duration(span, is_ahead=True)

    def number(self, number: float) -> str:
        return format_decimal(number, locale=self.locale)

    def join_list(self, texts: Iterable[str]) -> str:
        """Join as "one, two, and three"."""
        return format_list(list(texts), locale=self.locale)

    def join_sentences(self, texts: Iterable[str]) -> str:
        """Join sentences with a space, or without one in Chinese and Japanese.

        Empty ones are left out.
        """
        space = "" if self.locale.language in ("ja", "zh") else " "
        parts = []
        for text in texts:
            if text:
                parts += [space, text]
        return markup_join(parts).lstrip()

    def with_isolates(self, text: str, values: Mapping[str, object]) -> str:
        """Isolate values from the text around them if it runs from right to left (Unicode UAX #9,
        2.7).

        Otherwise the punctuation of an address, or parts of an IPv6 address, would change sides. In
        a tag, or in a text that is an address, nothing is isolated: a link with such a character
        leads nowhere.
        """
        if self.direction != "rtl" or _ADDRESS.fullmatch(text):
            return text

        def isolated(found: re.Match[str]) -> str:
            name = found["name"]
            if name and _is_isolated(values.get(name)):
                return f"{_ISOLATE}{found[0]}{_END}"
            return found[0]

        return _TAG_OR_PLACEHOLDER.sub(isolated, text)

    def isolate(self, value: object) -> object:
        """Isolate a value that stands alone."""
        if self.direction == "rtl" and _is_isolated(value):
            return f"{_ISOLATE}{value}{_END}"
        return value

    def teach(self, environment: Environment) -> None:
        """Add gettext, `lang`, `dir` and the filters to a Jinja environment."""
        texts = {name: _filling(self, name, values) for name, values in _VALUES_OF.items()}
        vars(environment)["newstyle_gettext"] = True  # what {% trans %} is compiled for
        environment.globals.update(texts, _=texts["gettext"], lang=self.tag, dir=self.direction)

        # An environment serves readers in every zone: a template gets its reader when it is
        # rendered.
        @pass_context
        def clock_of_reader(context: Context, moment: datetime) -> str:
            reader: Language = context.get(READER, self)
            return reader.clock(moment)

        @pass_context
        def moment_of_reader(context: Context, moment: datetime) -> str:
            reader: Language = context.get(READER, self)
            return reader.moment(moment)

        environment.filters.update(
            clock=clock_of_reader,
            moment=moment_of_reader,
            duration=self.duration,
            in_time=self.in_time,
            number=self.number,
            listed=self.join_list,
            sentences=self.join_sentences,
            isolated=self.isolate,
        )


_VALUES_OF: Mapping[str, Mapping[str, int]] = {
    "gettext": {},
    "ngettext": {"num": 2},
    "pgettext": {"context": 0},
    "npgettext": {"context": 0, "num": 3},
}
"""Values that a text gets of a function's arguments, by the places of those."""


def _filling(texts: SourceTexts, name: str, places: Mapping[str, int]) -> Callable[..., str]:
    """Return a function of gettext in Jinja's new style, `_("Hello %(name)s", name=name)`.

    It takes a third of the time of Jinja's own.
    """

    @pass_eval_context
    def fill_in(context: EvalContext, /, *args: Any, **named: object) -> str:
        # First of all, because its error names an argument that is missing.
        text: str = getattr(texts.translations, name)(*args)
        values = {place: args[at] for place, at in places.items()}
        values.update(named)
        text = texts.with_isolates(text, values)
        if context.autoescape:
            escaped = {key: escape(value) for key, value in values.items()}
            return Markup(text % escaped)  # noqa: S704 - escaped here
        return text % values

    return fill_in


@lru_cache(1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def _zone_name(local: datetime) -> str:
    """Return a zone's name, like "UTC" or "CET"; its offset, like "UTC+03", if the tz database has
    no letters for it.
    """
    name = local.tzname() or ""
    return f"UTC{name}" if name[:1] in ("+", "-") else name


# The packaged names are listed here, as in large products: reading CLDR's would load the data of
# every locale for a page with a list, a third of a second and 18 MB.
_OWN_NAMES: Mapping[str, str] = {
    "ar": "العربية", "cs": "Čeština", "da": "Dansk", "de": "Deutsch", "el": "Ελληνικά",
    "en": "English", "es": "Español", "fi": "Suomi", "fr": "Français", "he": "עברית",
    "hi": "हिन्दी", "id": "Bahasa Indonesia", "it": "Italiano", "ja": "日本語", "ko": "한국어",
    "nb": "Norsk bokmål", "nl": "Nederlands", "pl": "Polski", "pt_BR": "Português (Brasil)",
    "ru": "Русский", "sv": "Svenska", "tr": "Türkçe", "uk": "Українська", "zh_Hans": "简体中文",
    "zh_Hant": "繁體中文",
}  # fmt: skip


_LONGEST_HEADER = 200
_LANGUAGE_RANGE = re.compile(r"([\w*-]+)(?:[ \t]*;[ \t]*[qQ]=(\d(?:\.\d*)?))?", re.ASCII)
_REMEMBERED = 1024
_NAMES = ("locales", "locale", "translations")
# Norwegian is also requested as "no", and readers of one of its two written languages read the
# other. CLDR's languageMatching says so, but Babel does not include it.
_READ_ALIKE = {"nb": "no", "nn": "no"}


class Languages:
    """The languages of a service, by their BCP 47 tags: English and all that have a catalogue.

    `folders`: the texts of a later folder win.
    `more`: tags of further languages, without a catalogue.
    `only`: offer only these tags. The first is the default, in place of English.
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
        locales = _parse_locales(only)
        if not locales:
            source = Locale.parse(SOURCE_LANGUAGE)
            locales = [source, *self._locales_of_catalogues(), *_parse_locales(more)]
        default = locales[0]
        by_name = {str(locale): locale for locale in locales}
        in_order = [by_name[name] for name in sorted(by_name)]
        languages = [Language(one, zone, self.catalogues, reload=reload) for one in in_order]
        self.known: Mapping[str, Language] = {one.tag: one for one in languages}
        self._last_resort = self.known[str(default).replace("_", "-")]
        # Reversed, so that the first of several regions stays.
        self._by_writing = {_writing(one.locale): one for one in reversed(languages)}
        self._remembered = lru_cache(_REMEMBERED)(self._choose)

    def _locales_of_catalogues(self) -> list[Locale]:
        return [locale for _, locale in self.catalogues.languages() if locale]

    def choose(self, locale: str, accept_language: str = "") -> Language:
        """Return the language of an account's locale, else the best of an Accept-Language header,
        else the default: English, or the first of `only`.
        """
        return self._remembered(locale[:_LONGEST_HEADER], accept_language[:_LONGEST_HEADER])

    def _choose(self, locale: str, accept_language: str) -> Language:
        for tag in (locale, *_by_preference(accept_language)):
            wanted = parse_locale(tag)
            if wanted:
                language = self._nearest(wanted)
                if language:
                    return language
        return self._last_resort

    def _nearest(self, wanted: Locale) -> Language | None:
        """Return the language of a locale, else of its nearest parent, else of the same script."""
        for name in lineage(wanted):
            language = self.known.get(name.replace("_", "-"))
            if language:
                return language
        return self._by_writing.get(_writing(wanted))


def _parse_locales(tags: Iterable[str]) -> list[Locale]:
    """Return the locales of tags, without those that CLDR does not know."""
    return [locale for locale in map(parse_locale, tags) if locale]


def _writing(locale: Locale) -> tuple[str, str]:
    """Return the written language of a locale: a language and its script.

    For a locale without a script, CLDR knows the likely one.
    """
    script = locale.script
    if not script:
        likely = get_global("likely_subtags")
        in_territory = likely.get(f"{locale.language}_{locale.territory}")
        likeliest = parse_locale(in_territory or likely.get(locale.language, ""))
        script = likeliest.script if likeliest else None
    language = _READ_ALIKE.get(locale.language, locale.language)
    return language, script or ""


def languages_in(
    folder: Path, timezone: str, more: Iterable[str] = (), bounds: Path | None = None
) -> Languages:
    """Return the languages of a project's templates.

    Their catalogues are in the templates' folder, or in the folder around it.
    """
    places = [place / name for place, name in product((folder.parent, folder), _NAMES)]
    return Languages(timezone, *places, domain=ANY, reload=True, more=more, bounds=bounds)


def _by_preference(accept_language: str) -> list[str]:
    """Return the tags of an Accept-Language header by preference (RFC 9110, 12.4.2 and 12.5.4)."""
    weights: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        found = _LANGUAGE_RANGE.fullmatch(part.strip())
        if found:
            weights.append((float(found[2] or 1), found[1]))
    weights.sort(key=itemgetter(0), reverse=True)  # tags of the same weight keep their order
    return [tag for weight, tag in weights if weight > 0]
