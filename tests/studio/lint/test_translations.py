"""Texts that are marked for translation, and catalogues that do not have them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.finding import Finding

Found = Callable[[], list[Finding]]

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
def write(tmp_path: Path) -> Callable[[str, str], None]:
    def write(file: str, text: str) -> None:
        path = tmp_path / "emails" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    write("news/news.mjml", MAIL)
    write("news/news.txt", "{{ _('News') }}\n{{ name }}\n")
    write("_parts/foot.mjml", FOOT)
    write("news/samples.toml", '[first]\nname = "Ada"\n[second]\nname = "Lin"\n')
    return write


@pytest.fixture
def found(tmp_path: Path) -> Found:
    return lambda: list(check(open_gallery(tmp_path / "emails")).with_rules(["languages"]).found)


def in_language(tag: str, folder: str = "locales") -> str:
    return f"{folder}/{tag}/LC_MESSAGES/messages.po"


OTHERS = '\n#, fuzzy\nmsgid "Basket"\nmsgstr "Korb"\n\nmsgid "%(a)s"\nmsgstr "%(b)s"\n'
"""Texts of the app's that no mail uses."""


@pytest.mark.parametrize("catalogue", ["", GERMAN, GERMAN + OTHERS])
def test_without_catalogues_or_with_complete_ones_nothing_is_missing(
    found: Found, write: Callable[[str, str], None], catalogue: str
) -> None:
    if catalogue:
        write(in_language("de"), catalogue)

    assert found() == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('msgid "News for %(name)s"\n', "news/news.mjml:2:27"),
        ('msgid "News"\n', "news/news.mjml:4:14"),
        ('msgid "Now"\n', "news/news.mjml:4:31"),
        ('msgid "One boat"\n', "_parts/foot.mjml:1:1"),
    ],
)
def test_a_text_without_a_translation_is_told_once_at_its_first_place(
    text: str, place: str, found: Found, write: Callable[[str, str], None]
) -> None:
    assert text in GERMAN
    write(in_language("de"), GERMAN.replace(text, text.replace('"\n', '!"\n')))

    (finding,) = found()
    assert (finding.rule, finding.severity, str(finding.place)) == ("languages/untranslated", "warning", place)
    assert finding.message.endswith("is not translated into German.")
    assert finding.fix.startswith("Translate it in locales/de/LC_MESSAGES/messages.po.")


def test_the_languages_that_lack_a_text_are_named_together(found: Found, write: Callable[[str, str], None]) -> None:
    for tag in ("de", "fr"):
        write(in_language(tag, "translations"), GERMAN.replace('msgstr "Neues"', 'msgstr ""'))

    (finding,) = found()
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
    found: Found, write: Callable[[str, str], None], old: str, new: str, rule: str, severity: str, line: int
) -> None:
    write(in_language("de"), GERMAN.replace(old, new))

    (finding,) = found()
    assert (finding.rule, finding.severity) == (rule, severity)
    assert str(finding.place) == f"locales/de/LC_MESSAGES/messages.po:{line}:1"


def test_a_folder_that_is_no_language_is_an_error(found: Found, write: Callable[[str, str], None]) -> None:
    write(in_language("german"), GERMAN)

    (finding,) = found()
    assert (finding.rule, finding.place.file) == ("languages/unknown-language", "locales/german")
