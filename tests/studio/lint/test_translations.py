"""Texts that are marked for translation, and catalogues that do not have them."""

from pathlib import Path

import pytest
from tests.studio.folders import written

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.finding import Finding

MAIL = """\
<mjml lang="{{ lang }}">
  <mj-head><mj-title>{{ _("News for %(name)s", name=name) }}</mj-title><mj-preview>The harbour</mj-preview></mj-head>
  <mj-body><mj-section><mj-column><mj-text>
    <h1>{{ _("News") }}, {{ _('Now') }}</h1>
    {% include "_parts/foot.mjml" %}
  </mj-text></mj-column></mj-section></mj-body>
</mjml>
"""
FOOT = "{% trans count=3 %}One boat{% pluralize %}{{ count }} boats{% endtrans %}\n"
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
"""


@pytest.fixture
def emails(tmp_path: Path) -> Path:
    files = {
        "news/news.mjml": MAIL,
        "news/news.txt": "{{ _('News') }}\n{{ name }}\n",
        "_parts/foot.mjml": FOOT,
        "news/samples.toml": '[first]\nname = "Ada"\n[second]\nname = "Lin"\n',
    }
    return written(tmp_path / "emails", files)


def translate(emails: Path, catalogue: str, tag: str = "de", folder: str = "locales") -> None:
    written(emails, {f"{folder}/{tag}/LC_MESSAGES/messages.po": catalogue})


def found(emails: Path) -> list[Finding]:
    return list(check(open_gallery(emails)).with_rules(["languages"]).found)


OTHERS = '\n#, fuzzy\nmsgid "Basket"\nmsgstr "Korb"\n\nmsgid "%(a)s"\nmsgstr "%(b)s"\n'
"""Texts of the app's that no mail uses."""


@pytest.mark.parametrize("catalogue", ["", GERMAN, GERMAN + OTHERS])
def test_without_catalogues_or_with_complete_ones_nothing_is_missing(emails: Path, catalogue: str) -> None:
    if catalogue:
        translate(emails, catalogue)

    assert found(emails) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('msgid "News for %(name)s"\n', "news/news.mjml:2:27"),
        ('msgid "News"\n', "news/news.mjml:4:14"),
        ('msgid "Now"\n', "news/news.mjml:4:31"),
        ('msgid "One boat"\n', "_parts/foot.mjml:1:1"),
    ],
)
def test_a_text_without_a_translation_is_told_once_at_its_first_place(text: str, place: str, emails: Path) -> None:
    assert text in GERMAN
    translate(emails, GERMAN.replace(text, text.replace('"\n', '!"\n')))

    (finding,) = found(emails)
    assert (finding.rule, finding.severity, str(finding.place)) == ("languages/untranslated", "warning", place)
    assert finding.message.endswith("is not translated into German.")
    assert finding.fix.startswith("Translate it in locales/de/LC_MESSAGES/messages.po.")


def test_the_languages_that_lack_a_text_are_named_together(emails: Path) -> None:
    for tag in ("de", "fr"):
        translate(emails, GERMAN.replace('msgstr "Neues"', 'msgstr ""'), tag, "translations")

    (finding,) = found(emails)
    assert finding.message == "“News” is not translated into German and French."


@pytest.mark.parametrize(
    ("old", "new", "rule", "severity", "line"),
    [
        ('msgid "News"\n', '#, fuzzy\nmsgid "News"\n', "languages/fuzzy", "warning", 10),
        ("Neues für %(name)s", "Neues für %(nmae)s", "languages/placeholders", "error", 6),
        ('msgstr "Jetzt"', 'msgstr "Jetzt', "languages/unreadable", "error", 13),
    ],
    ids=["nobody has looked at it", "a place that the text does not have", "a catalogue that cannot be read"],
)
def test_a_wrong_translation_is_told_at_its_line_in_the_catalogue(
    emails: Path, old: str, new: str, rule: str, severity: str, line: int
) -> None:
    translate(emails, GERMAN.replace(old, new))

    (finding,) = found(emails)
    assert (finding.rule, finding.severity) == (rule, severity)
    assert str(finding.place) == f"locales/de/LC_MESSAGES/messages.po:{line}:1"


def test_a_folder_that_is_no_language_is_an_error(emails: Path) -> None:
    translate(emails, GERMAN, "german")

    (finding,) = found(emails)
    assert (finding.rule, finding.place.file) == ("languages/unknown-language", "locales/german")
