"""What is written in a language: texts, dates, times, durations, lists."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from jinja2 import Environment
from markupsafe import Markup

from keyturn.mail.languages.language import Language, Languages, SourceTexts, languages_in

MOMENT = datetime(2026, 11, 20, 14, 7, 59, tzinfo=UTC)


def written(folder: Path, language: str, *texts: str, domain: str = "keyturn") -> Path:
    """Write a .po file in which each pair of texts is one and its translation; return the file."""
    file = folder / language / "LC_MESSAGES" / f"{domain}.po"
    file.parent.mkdir(parents=True, exist_ok=True)
    pairs = zip(texts[::2], texts[1::2], strict=True)
    file.write_text(
        "\n\n".join(f'msgid "{text}"\nmsgstr "{translated}"' for text, translated in pairs), "utf-8"
    )
    return file


@pytest.mark.parametrize(
    ("language", "zone", "month", "hour", "written"),
    [
        ("", "UTC", 11, 14, "20 November 2026, 14:07 UTC"),
        ("", "Asia/Riyadh", 11, 14, "20 November 2026, 17:07 UTC+03"),  # a zone without letters
        ("", "Europe/Berlin", 7, 14, "20 July 2026, 16:07 CEST"),
        ("pt-BR", "UTC", 11, 14, "20 de novembro de 2026 14:07 UTC"),
        ("ar", "UTC", 11, 14, "20 نوفمبر 2026، \u206814:07 UTC\u2069"),
        ("de", "Europe/Berlin", 11, 23, "21. November 2026, 00:07 CET"),
    ],
)
def test_a_moment_has_its_date_which_can_be_the_next_day_and_names_its_zone(
    language: str, zone: str, month: int, hour: int, written: str
) -> None:
    spoken, moment = Languages(zone).choose(language), MOMENT.replace(month=month, hour=hour)

    assert spoken.moment(moment) == written
    assert spoken.clock(moment) in written


@pytest.mark.parametrize(
    ("span", "english", "german"),
    [
        (timedelta(seconds=90), "90 seconds", "90 Sekunden"),
        (timedelta(minutes=60), "1 hour", "1 Stunde"),
        (timedelta(minutes=90), "90 minutes", "90 Minuten"),
        (timedelta(hours=48), "2 days", "2 Tage"),
    ],
)
def test_a_duration_is_in_the_largest_unit_that_divides_it(
    span: timedelta, english: str, german: str
) -> None:
    assert Languages("UTC").choose("").duration(span) == english
    assert Languages("UTC").choose("de").duration(span) == german


@pytest.mark.parametrize(
    ("language", "span", "number", "list_"),
    [
        ("en", "30 minutes", "1,234.5", "a, b, and c"),
        ("de", "30 Minuten", "1.234,5", "a, b und c"),
        ("fr", "30 minutes", "1\u202f234,5", "a, b et c"),
        ("ja", "30分", "1,234.5", "a、b、c"),
        ("ar", "30 دقيقة", "1,234.5", "a وb وc"),
    ],
)
def test_durations_numbers_and_lists_are_the_language_s_own(
    language: str, span: str, number: str, list_: str
) -> None:
    spoken = Language(Locale(language), ZoneInfo("UTC"))

    assert spoken.duration(timedelta(minutes=30)) == span
    assert spoken.number(1234.5) == number
    assert spoken.join_list(["a", "b", "c"]) == list_


@pytest.mark.parametrize(
    ("language", "waits"),
    [
        ("en", ["in 47 seconds", "in 90 seconds", "in 30 minutes", "in 80 minutes", "in 1 hour"]),
        (
            "ru",
            [
                "через 47 секунд",
                "через 90 секунд",
                "через 30 минут",
                "через 80 минут",
                "через 1 час",
            ],
        ),
        ("pl", ["za 47 sekund", "za 90 sekund", "za 30 minut", "za 80 minut", "za 1 godzinę"]),
        (
            "fi",
            [
                f"{span} päästä"
                for span in ("47 sekunnin", "90 sekunnin", "30 minuutin", "80 minuutin", "1 tunnin")
            ],
        ),
        ("ja", ["47秒後", "90秒後", "30分後", "80分後", "1時間後"]),
    ],
)
def test_a_wait_is_written_as_a_sentence_needs_it_and_never_rounded(
    language: str, waits: list[str]
) -> None:
    spoken = Language(Locale(language), ZoneInfo("UTC"))

    assert [
        spoken.in_time(timedelta(seconds=seconds)) for seconds in (47, 90, 1800, 4800, 3600)
    ] == waits


@pytest.mark.parametrize(
    ("language", "joined"),
    [("en", "a. b."), ("ko", "a. b."), ("ja", "a.b."), ("zh_Hans", "a.b."), ("zh_Hant", "a.b.")],
)
def test_sentences_are_joined_as_the_language_does_and_stay_markup(
    language: str, joined: str
) -> None:
    spoken = Language(Locale.parse(language), ZoneInfo("UTC"))

    assert spoken.join_sentences(["a.", "", "b."]) == joined
    assert spoken.join_sentences(["a."]) == "a."
    assert spoken.join_sentences([]) == ""
    assert spoken.join_sentences(["<", Markup("<b>b</b>")]) == Markup("&lt;{}<b>b</b>").format(
        joined[2:-2]
    )


def test_a_button_and_a_heading_with_one_english_text_have_texts_of_their_own() -> None:
    russian = Languages("UTC").choose("ru")

    assert (russian.gettext("Sign in"), russian.pgettext("button", "Sign in")) == ("Вход", "Войти")
    assert SourceTexts().pgettext("button", "Sign in") == "Sign in"


def shown(language: Language, source: str, *, escaped: bool = True, **values: object) -> str:
    """Return what a template of Jinja's renders that was taught the language."""
    environment = Environment(autoescape=escaped, extensions=["jinja2.ext.i18n"])  # noqa: S701 - text parts have none
    language.teach(environment)
    return environment.from_string(source).render(**values)


def test_a_template_speaks_the_language_it_was_taught_also_by_a_compiled_catalogue(
    tmp_path: Path,
) -> None:
    catalog = Catalog(locale="de", domain="keyturn")
    catalog.add("Reset your password", "Passwort zurücksetzen")
    catalog.add("Hello %(name)s", "Hallo %(name)s")
    (tmp_path / "keyturn.pot").touch()
    (tmp_path / "de" / "LC_MESSAGES").mkdir(parents=True)
    with (tmp_path / "de" / "LC_MESSAGES" / "keyturn.mo").open("wb") as compiled:
        write_mo(compiled, catalog)
    source = (
        "<p lang={{ lang }} dir={{ dir }}>{{ _('Reset your password') }}: {{ _('Hello %(name)s', "
        "name=name) }}, "
        "{% trans %}Hello {{ name }}{% endtrans %}, {{ _('Untranslated') }}, "
        "{{ moment | clock }}, {{ moment | moment }}, {{ span | duration }}</p>"
    )

    assert shown(
        Languages("UTC", tmp_path).choose("de"),
        source,
        name="<Ada>",
        moment=MOMENT,
        span=timedelta(minutes=30),
    ) == (
        "<p lang=de dir=ltr>Passwort zurücksetzen: Hallo &lt;Ada&gt;, Hallo &lt;Ada&gt;, "
        "Untranslated, "
        "14:07 UTC, 20. November 2026, 14:07 UTC, 30 Minuten</p>"
    )


def test_what_fills_a_text_that_runs_right_to_left_stands_apart_unless_it_is_markup() -> None:
    arabic = Language(Locale("ar"), ZoneInfo("UTC"))
    source = (
        "{{ _('To %(name)s', name=name) }} {{ _('To %(name)s', name='<bdi>A</bdi>'|safe) }} "
        "{{ name|isolated }}"
    )

    assert arabic.gettext("%(name)s!", name="C++") == "\u2068C++\u2069!"
    assert arabic.gettext("%(name)s!", name="") == "!"
    assert arabic.gettext("%(count)s!", count=3) == "3!"
    assert Language(Locale("de"), ZoneInfo("UTC")).gettext("%(name)s!", name="C++") == "C++!"
    assert (
        shown(arabic, source, name="A&B")
        == "To \u2068A&amp;B\u2069 To <bdi>A</bdi> \u2068A&amp;B\u2069"
    )


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        (
            '<a href="%(link)s">%(link)s</a>!',
            '<a href="https://a.example">\u2068https://a.example\u2069</a>!',
        ),
        (
            "Or <a class='b' href='%(link)s'>open</a>",
            "Or <a class='b' href='https://a.example'>open</a>",
        ),
        ('<a href="%(link)s"', '<a href="https://a.example"'),
        ("mailto:help@a.example?body=%(link)s", "mailto:help@a.example?body=https://a.example"),
        ("Open: %(link)s", "Open: \u2068https://a.example\u2069"),
        ("1 < 2 100%% %(link)s", "1 < 2 100% \u2068https://a.example\u2069"),
    ],
)
def test_address_in_right_to_left_text(text: str, filled: str) -> None:
    """In a text from right to left, a value in a tag or in an address stays as it is, so that its
    link opens.
    """
    arabic = Language(Locale("ar"), ZoneInfo("UTC"))
    assert arabic.gettext(text, link="https://a.example") == filled
    assert shown(arabic, f"{{{{ _({text!r}, link=link) }}}}", link="https://a.example") == filled


def test_every_way_of_marking_a_text_is_translated(tmp_path: Path) -> None:
    written(tmp_path, "de").write_text(
        'msgid "boat"\nmsgstr "Boot"\n\nmsgid "%(num)s mail"\nmsgid_plural "%(num)s mails"\n'
        'msgstr[0] "%(num)s Brief"\nmsgstr[1] "%(num)s Briefe"\n\nmsgctxt "month"\nmsgid "May"\n'
        'msgstr "Mai"\n\n'
        'msgctxt "sea"\nmsgid "%(num)s ship"\nmsgid_plural "%(num)s ships"\n'
        'msgstr[0] "%(num)s Schiff"\nmsgstr[1] "%(num)s Schiffe"\n',
        "utf-8",
    )
    source = (
        "{{ _('boat') }} {{ gettext('boat') }} {{ ngettext('%(num)s mail', '%(num)s mails', 2) }} "
        "{% trans num=1 %}{{ num }} mail{% pluralize %}{{ num }} mails{% endtrans %} "
        "{{ pgettext('month', 'May') }} {{ npgettext('sea', '%(num)s ship', '%(num)s ships', 3) }}"
    )

    german = Languages("UTC", tmp_path).choose("de")
    assert shown(german, source) == "Boot Boot 2 Briefe 1 Brief Mai 3 Schiffe"
    with pytest.raises(TypeError, match="ngettext"):
        shown(german, "{{ ngettext('%(num)s mail', '%(num)s mails') }}")


def test_a_later_folder_adds_languages_and_words_single_texts_differently(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    written(first, "de", "one", "eins", "two", "zwei")
    written(second, "de", "two", "zwo")
    written(second, "nl", "one", "een")
    written(second, "de_CH", "two", "zwöi")
    languages = Languages("UTC", first, second)

    said = {
        tag: [languages.choose(tag).gettext(text) for text in ("one", "two", "three")]
        for tag in ("de", "nl", "de-CH")
    }
    assert said["de"] == ["eins", "zwo", "three"]
    assert said["nl"] == ["een", "two", "three"]
    assert said["de-CH"] == ["eins", "zwöi", "three"], "a region falls back to its language"


def test_a_catalogue_that_was_saved_is_read_anew_where_that_is_asked_for_without_what_is_fuzzy(
    tmp_path: Path,
) -> None:
    file = written(tmp_path, "de", "one", "eins")
    lasting, fresh = (
        Languages("UTC", tmp_path, reload=reload).choose("de") for reload in (False, True)
    )
    assert lasting.gettext("one") == fresh.gettext("one") == "eins"

    for number, (mark, said) in enumerate((("", "die Eins"), ("#, fuzzy\n", "one")), 1):
        written(tmp_path, "de", "one", "die Eins")
        file.write_text(mark + file.read_text("utf-8"), "utf-8")
        os.utime(file, (file.stat().st_mtime + 10 * number,) * 2)
        assert (lasting.gettext("one"), fresh.gettext("one")) == ("eins", said)


@pytest.mark.parametrize(
    "place", ["emails/locales", "emails/locale", "emails/translations", "locales", "translations"]
)
def test_the_catalogues_of_somebody_s_templates_lie_among_or_beside_them(
    place: str, tmp_path: Path
) -> None:
    written(tmp_path / place, "nl", "one", "een", domain="messages")
    written(tmp_path / place, "nl", "two", "twee", domain="emails")

    languages = languages_in(tmp_path / "emails", "UTC")
    assert set(languages.known) == {"en", "nl"}
    assert (languages.choose("nl").gettext("one"), languages.choose("nl").gettext("two")) == (
        "een",
        "twee",
    )
