"""Any folder of templates: what becomes of them, and how their mistakes are told."""

import os
from pathlib import Path

import pytest

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages.language import Language
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.service.reset.mails.palette import Palette, branding

LAYOUT = """\
<mjml><mj-head>
<mj-title>{% block title %}{% endblock %}</mj-title>
<mj-preview>Hello
  from {{ brand.name }}</mj-preview>
</mj-head><mj-body><mj-section><mj-column>
{% block card %}{% endblock %}
</mj-column></mj-section></mj-body></mjml>
"""
PART = """\
{% macro strong(text) %}
<b>{{ text.strip() }}</b>
{% endmacro %}
"""
MAIL = """\
{% extends "_layout/base.mjml" %}
{% import "_layout/part.mjml" as part %}
{% block title %}Dear {{ name }}{% endblock %}
{% block card %}
<mj-text>{{ part.strong(name) }}</mj-text>
{% endblock %}
"""


class Greeting(EmailProps, frozen=True):
    template = "greeting"

    name: str


class Folder:
    """A folder with a mail for Ada, which shows what is saved."""

    def __init__(self, path: Path, language: Language) -> None:
        self.path, self._language = path, language
        self._templates = Templates(
            path, branding({"name": "Northwind School"}, Palette()), reload=True
        )
        self.write("_layout/base.mjml", LAYOUT)
        self.write("_layout/part.mjml", PART)
        self.write("greeting/greeting.mjml", MAIL)
        self.write("greeting/greeting.txt", "Dear {{ name }}\n")

    def write(self, file: str, text: str) -> None:
        """Write a file with a later time than it had: a file system's clock may be coarse."""
        path = self.path / file
        path.parent.mkdir(exist_ok=True)
        before = path.stat().st_mtime if path.exists() else 0
        path.write_text(text, "utf-8")
        os.utime(path, (before + 10, before + 10))

    def greet(self) -> Rendered:
        return self._templates.render(Greeting(name="Ada & Co"), self._language)


@pytest.fixture
def folder(tmp_path: Path, english: Language) -> Folder:
    return Folder(tmp_path, english)


def test_a_mail_has_a_subject_a_preheader_and_two_parts(folder: Folder) -> None:
    mail = folder.greet()
    assert mail.subject == "Dear Ada & Co"
    assert mail.preheader == "Hello from Northwind School"
    assert "<b>Ada &amp; Co</b>" in mail.html
    assert ("<mj-" in mail.mjml, "<mj-" in mail.html) == (True, False)
    assert mail.text == "Dear Ada & Co\n"


def test_padded_preheader(folder: Folder) -> None:
    """The preheader is its words, without the invisible characters that fill it up."""
    padding = "&zwnj;&nbsp;&#847; " * 60
    folder.write("_layout/base.mjml", LAYOUT.replace("</mj-preview>", f" {padding}</mj-preview>"))
    assert folder.greet().preheader == "Hello from Northwind School"


@pytest.mark.parametrize(
    ("mjml", "subject"),
    [
        ("<mjml><mj-body></mj-body></mjml>", ""),
        (MAIL.replace("Dear", "Dear\r\n\tBcc: all\u2028"), "Dear Bcc: all Ada & Co"),
    ],
)
def test_a_subject_is_one_line_or_empty_without_a_title(
    folder: Folder, mjml: str, subject: str
) -> None:
    folder.write("greeting/greeting.mjml", mjml)
    assert folder.greet().subject == subject


def test_a_saved_layout_shows_at_once_where_reloading_is_asked_for(folder: Folder) -> None:
    folder.greet()
    folder.write("_layout/part.mjml", PART.replace("<b>", "<b>Dr "))
    assert "<b>Dr Ada" in folder.greet().html


def test_languages_do_not_mix(folder: Folder, english: Language, arabic: Language) -> None:
    folder.write(
        "greeting/greeting.txt", "{{ lang }} {{ dir }} {{ _('Hello %(name)s', name=name) }}"
    )
    templates = Templates(folder.path, branding({"name": "Northwind School"}, Palette()))
    texts = [
        templates.render(Greeting(name="Ada"), language).text
        for language in (english, arabic, english)
    ]
    assert texts == ["en ltr Hello Ada\n", "ar rtl Hello \u2068Ada\u2069\n", "en ltr Hello Ada\n"]


def test_a_translated_text_is_markup_and_its_values_are_not(folder: Folder) -> None:
    part = "{% macro strong(text) %}{{ _('<i>%(name)s</i> 100%%', name=text) }}{% endmacro %}"
    folder.write("_layout/part.mjml", part)
    assert "<i>Ada &amp; Co</i> 100%" in folder.greet().html


def test_a_paragraph_of_the_text_part_is_one_line_which_mail_programs_wrap(folder: Folder) -> None:
    paragraph = "word " * 40 + "https://" + "x" * 100 + " あ" * 60
    folder.write("greeting/greeting.txt", f"{paragraph}\n\n-- \nNorthwind\n")
    assert folder.greet().text == f"{paragraph}\n\n-- \nNorthwind\n"


MJML, TEXT, BASE, PARTS = (
    "greeting/greeting.mjml",
    "greeting/greeting.txt",
    "_layout/base.mjml",
    "_layout/part.mjml",
)


@pytest.mark.parametrize(
    ("file", "was", "becomes", "line", "message"),
    [
        (MJML, "strong(name)", "strong(nmae)", 5, "'nmae' is undefined"),
        (MJML, "_layout/part", "_layout/prat", 2, "no template _layout"),
        (MJML, "Dear {{", "Dear {{ 1 / 0 }}{{", 3, "ZeroDivisionError: "),
        (MJML, "Dear {{ name", "Dear {{ name|clock", 3, "AttributeError: "),
        (MJML, "Dear {{ name", "Dear {{ name|shout", 3, "'shout'"),
        (TEXT, "{{ name }}", "\n{{ name.first }}", 2, "'first'"),
        (BASE, "brand.name", "brand.nmae", 4, "'nmae'"),
        (BASE, "{% endblock %}\n</mj-col", "\n</mj-col", 7, "is 'block'"),
        (PARTS, "{% endmacro %}", "{% endmcaro %}", 3, "unknown tag 'endmcaro'"),
        (PARTS, "text.strip()", "text.strip(", 2, "unexpected '}'"),
        *(
            (MJML, "<mj-text>", f"{bad}<mj-text>", None, "MJML: ")
            for bad in ("<mj-text>", "</mj-column>", "<b c=d/>")
        ),
    ],
)
def test_a_mistake_is_told_by_file_and_line(
    folder: Folder, file: str, was: str, becomes: str, line: int | None, message: str
) -> None:
    text = (folder.path / file).read_text("utf-8")
    assert was in text
    folder.write(file, text.replace(was, becomes))
    with pytest.raises(TemplateInvalid) as caught:
        folder.greet()
    assert caught.value.path == str(folder.path / file)
    assert line is None or caught.value.line == line
    assert message in str(caught.value)


def test_a_mail_without_a_text_part_is_told(folder: Folder) -> None:
    (folder.path / TEXT).unlink()
    with pytest.raises(TemplateInvalid, match=r"there is no template greeting/greeting\.txt"):
        folder.greet()


def test_no_mail_asks_for_a_web_font(folder: Folder) -> None:
    folder.write(MJML, MAIL.replace("<mj-text>", '<mj-text font-family="Roboto, Lato, Open Sans">'))
    html = folder.greet().html
    assert "Roboto" in html
    assert "://fonts." not in html
