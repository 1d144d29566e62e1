"""Choosing a language, and writing dates, times and durations in it."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from jinja2 import Environment

from keyturn.languages import Language, Languages

MOMENT = datetime(2026, 11, 20, 14, 7, 59, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write catalogues for German, Brazilian Portuguese and Arabic; the German one holds two texts."""
    folder = tmp_path_factory.mktemp("locales")
    for name in ("de", "pt_BR", "ar"):
        catalog = Catalog(locale=name, domain="keyturn")
        if name == "de":
            catalog.add("Reset your password", "Passwort zurücksetzen")
            catalog.add("Hello %(name)s", "Hallo %(name)s")
        buffer = BytesIO()
        write_mo(buffer, catalog)
        (folder / name / "LC_MESSAGES").mkdir(parents=True)
        (folder / name / "LC_MESSAGES" / "keyturn.mo").write_bytes(buffer.getvalue())
    (folder / "keyturn.pot").touch()
    return folder


@pytest.fixture(scope="module")
def languages(catalogues: Path) -> Languages:
    return Languages("UTC", catalogues)


def in_german(catalogues: Path, timezone: str = "UTC") -> Language:
    return Languages(timezone, catalogues).choose("de")


@pytest.mark.parametrize(
    ("locale", "accepted", "chosen"),
    [
        ("", "", "en"),
        ("de", "", "de"),
        ("de-AT", "", "de"),
        ("de_CH", "", "de"),
        ("pt-BR", "", "pt-BR"),
        ("pt", "", "en"),
        ("de", "pt-BR", "de"),
        ("", "de", "de"),
        ("", "fr, de;q=0.8, pt-BR;q=0.9", "pt-BR"),
        ("", "en, de;q=0.5", "en"),
        ("", "de;q=0, en;q=0.1", "en"),
        ("fr", "de", "de"),
        ("klingon!", "de", "de"),
        ("", "*", "en"),
        ("", ";;;q=,,x;q=high", "en"),
        ("../../etc/passwd", "../de", "en"),
    ],
)
def test_the_accounts_locale_then_the_browsers_then_english(
    languages: Languages, locale: str, accepted: str, chosen: str
) -> None:
    assert languages.choose(locale, accepted).tag == chosen


def test_a_header_without_end_is_not_read_to_its_end(languages: Languages) -> None:
    assert languages.choose("", "xx," * 100_000 + "de").tag == "en"


def test_english_is_there_without_any_catalogue(tmp_path: Path) -> None:
    languages = Languages("UTC", tmp_path / "nowhere")

    assert set(languages.known) == {"en"}
    assert languages.choose("de", "de").tag == "en"


def test_a_language_knows_its_direction(languages: Languages) -> None:
    assert languages.choose("ar").direction == "rtl"
    assert languages.choose("de").direction == "ltr"


def test_a_clock_time_names_its_zone(languages: Languages) -> None:
    assert languages.choose("").clock(MOMENT) == "14:07 UTC"


@pytest.mark.parametrize(("month", "time"), [(1, "15:07 CET"), (7, "16:07 CEST")])
def test_a_clock_time_is_that_of_the_zone_in_summer_and_winter(month: int, time: str) -> None:
    language = Language(Locale("en"), ZoneInfo("Europe/Berlin"))

    assert language.clock(MOMENT.replace(month=month)) == time


def test_a_moment_has_its_date_in_words(languages: Languages) -> None:
    assert languages.choose("").moment(MOMENT) == "20 November 2026, 14:07 UTC"
    assert languages.choose("pt-BR").moment(MOMENT) == "20 novembro 2026, 14:07 UTC"


def test_a_moment_can_be_the_next_day_elsewhere(catalogues: Path) -> None:
    late = MOMENT.replace(hour=23)

    assert in_german(catalogues, "Europe/Berlin").moment(late) == "21 November 2026, 00:07 CET"


@pytest.mark.parametrize(
    ("span", "english", "german"),
    [
        (timedelta(seconds=1), "1 second", "1 Sekunde"),
        (timedelta(seconds=90), "90 seconds", "90 Sekunden"),
        (timedelta(minutes=30), "30 minutes", "30 Minuten"),
        (timedelta(minutes=60), "1 hour", "1 Stunde"),
        (timedelta(minutes=90), "90 minutes", "90 Minuten"),
        (timedelta(hours=48), "2 days", "2 Tage"),
    ],
)
def test_a_duration_is_in_the_largest_unit_that_divides_it(
    languages: Languages, span: timedelta, english: str, german: str
) -> None:
    assert languages.choose("").duration(span) == english
    assert languages.choose("de").duration(span) == german


def test_a_template_speaks_the_language_it_was_taught(languages: Languages) -> None:
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    languages.choose("de").teach(environment)
    source = (
        "<p lang={{ lang }} dir={{ dir }}>{{ _('Reset your password') }}: {{ _('Hello %(name)s', name=name) }}, "
        "{% trans %}Hello {{ name }}{% endtrans %}, {{ _('Untranslated') }}, "
        "{{ moment | clock }}, {{ moment | moment }}, {{ span | duration }}</p>"
    )

    shown = environment.from_string(source).render(name="<Ada>", moment=MOMENT, span=timedelta(minutes=30))
    assert shown == (
        "<p lang=de dir=ltr>Passwort zurücksetzen: Hallo &lt;Ada&gt;, Hallo &lt;Ada&gt;, Untranslated, "
        "14:07 UTC, 20 November 2026, 14:07 UTC, 30 Minuten</p>"
    )


def test_a_text_part_is_not_escaped(languages: Languages) -> None:
    environment = Environment(autoescape=False, extensions=["jinja2.ext.i18n"])  # noqa: S701 - a text part
    languages.choose("de").teach(environment)

    assert environment.from_string("{{ _('Hello %(name)s', name=name) }}").render(name="<Ada>") == "Hallo <Ada>"


def test_a_percent_sign_in_a_value_is_only_a_sign(languages: Languages) -> None:
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    languages.choose("de").teach(environment)

    shown = environment.from_string("{{ _('Hello %(name)s', name=name) }}").render(name="100 %(x)s")
    assert shown == "Hallo 100 %(x)s"
