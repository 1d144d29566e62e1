"""Texts that are marked for translation, and catalogues that do not have them."""

from pathlib import Path

import pytest
from tests.studio.folders import found_in

from keyturn.studio.lint.finding import Finding

MAIL = """\
<mjml lang="{{ lang }}">
  <mj-head><mj-title>{{ _("News for %(name)s", name=name) }}</mj-title>\
<mj-preview>The harbour</mj-preview></mj-head>
  <mj-body><mj-section><mj-column><mj-text>
    <h1>{{ _("News") }}, {{ _('Now') }}</h1>
    {% include "_parts/foot.mjml" %}
  </mj-text></mj-column></mj-section></mj-body>
</mjml>
"""
FOOT = (
    "{{ _('It\\'s ebb') }}\n{% trans count=3 %}One boat{% pluralize %}{{ count }} boats{% "
    "endtrans %}\n"
)
GERMAN = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "News for %(name)s"
msgstr "Neues für %(name)s"

msgid "News"
msgstr "Neues"

msgid "Now"
msgstr "Jetzt"

msgid "One boat"
msgid_plural "%(count)s boats"
msgstr[0] "Ein Boot"
msgstr[1] "%(count)s Boote"

msgid "It's ebb"
msgstr "Es ist Ebbe"
"""


FILES = {
    "news/news.mjml": MAIL,
    "news/news.txt": "{{ _('News') }}\n{{ name }}\n",
    "_parts/foot.mjml": FOOT,
    "news/samples.toml": '[first]\nname = "Ada"\n[second]\nname = "Lin"\n',
}


def found(folder: Path, *catalogues: str) -> list[Finding]:
    """Return what is found with catalogues, each given as "FOLDER/LANGUAGE" and a text, in turn."""
    places = [f"{place}/LC_MESSAGES/messages.po" for place in catalogues[::2]]
    return found_in(folder, FILES | dict(zip(places, catalogues[1::2], strict=True)), "languages/")


OTHERS = '\n#, fuzzy\nmsgid "Basket"\nmsgstr "Korb"\n\nmsgid "%(a)s"\nmsgstr "%(b)s"\n'
"""Texts of the app's that no mail uses."""


@pytest.mark.parametrize(
    "catalogues", [[], ["locales/de", GERMAN], ["locales/de", GERMAN + OTHERS]]
)
def test_without_catalogues_or_with_complete_ones_nothing_is_missing(
    tmp_path: Path, catalogues: list[str]
) -> None:
    assert found(tmp_path, *catalogues) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('msgid "News for %(name)s"\n', "news/news.mjml:2:27"),
        ('msgid "News"\n', "news/news.mjml:4:14"),
        ('msgid "Now"\n', "news/news.mjml:4:31"),
        ('msgid "One boat"\n', "_parts/foot.mjml:2:1"),
        ('msgid "It\'s ebb"\n', "_parts/foot.mjml:1:1"),
    ],
)
def test_a_text_without_a_translation_is_told_once_at_its_first_place(
    tmp_path: Path, text: str, place: str
) -> None:
    assert text in GERMAN
    (finding,) = found(tmp_path, "locales/de", GERMAN.replace(text, text.replace('"\n', '!"\n')))
    assert (finding.rule, finding.severity, str(finding.place)) == (
        "languages/untranslated",
        "warning",
        place,
    )
    assert finding.message.endswith("is not translated into German.")
    assert finding.fix.startswith("Translate it in locales/de/LC_MESSAGES/messages.po.")


def test_the_languages_that_lack_a_text_are_named_together(tmp_path: Path) -> None:
    lacking = GERMAN.replace('msgstr "Neues"', 'msgstr ""')
    (finding,) = found(tmp_path, "translations/de", lacking, "translations/fr", lacking)
    assert finding.message == "“News” is not translated into German and French."


PO = "locales/de/LC_MESSAGES/messages.po"


@pytest.mark.parametrize(
    ("place", "old", "new", "told"),
    [
        (
            "locales/de",
            'msgid "News"\n',
            '#, fuzzy\nmsgid "News"\n',
            ("languages/fuzzy", "warning", f"{PO}:10:1"),
        ),
        (
            "locales/de",
            "für %(name)s",
            "für %(nmae)s",
            ("languages/placeholders", "error", f"{PO}:6:1"),
        ),
        (
            "locales/de",
            'msgstr "Jetzt"',
            'msgstr "Jetzt',
            ("languages/unreadable", "error", f"{PO}:13:1"),
        ),
        ("locales/german", "", "", ("languages/unknown-language", "error", "locales/german:1:1")),
    ],
)
def test_a_wrong_translation_is_told(
    tmp_path: Path, place: str, old: str, new: str, told: tuple[str, str, str]
) -> None:
    (finding,) = found(tmp_path, place, GERMAN.replace(old, new))
    assert (finding.rule, finding.severity, str(finding.place)) == told


def test_a_translation_with_too_few_plurals_is_told_and_not_used(tmp_path: Path) -> None:
    found_rules = [
        one.rule
        for one in found(
            tmp_path, "locales/de", GERMAN.replace('msgstr[1] "%(count)s Boote"\n', "")
        )
    ]
    assert found_rules == ["languages/plurals", "languages/untranslated"]
