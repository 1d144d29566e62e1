"""Any folder of templates: what becomes of them, and how their mistakes are told."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from keyturn.errors import TemplateInvalid
from keyturn.mail.languages import Language
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.service.reset.mails.palette import Palette, branding

Rewrite = Callable[[str, str], None]

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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file, text in {
        "_layout/base.mjml": LAYOUT,
        "_layout/part.mjml": PART,
        "greeting/greeting.mjml": MAIL,
        "greeting/greeting.txt": "Dear {{ name }}\n\n{{ 'word ' * 30 }}\n",
    }.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text, "utf-8")
    return tmp_path


@pytest.fixture
def rewrite(folder: Path) -> Rewrite:
    """Write a file anew, with a later time than it had: a file system's clock may be coarse."""

    def write(file: str, text: str) -> None:
        path = folder / file
        before = path.stat().st_mtime if path.exists() else 0
        path.write_text(text, "utf-8")
        os.utime(path, (before + 10, before + 10))

    return write


@pytest.fixture
def greet(folder: Path, english: Language) -> Callable[[], Rendered]:
    templates = Templates(folder, branding({"name": "Northwind School"}, Palette()), reload=True)
    return lambda: templates.render(Greeting(name="Ada & Co"), english)


def test_a_mail_has_a_subject_a_preheader_and_two_parts(greet: Callable[[], Rendered]) -> None:
    mail = greet()

    assert mail.subject == "Dear Ada & Co"
    assert mail.preheader == "Hello from Northwind School"
    assert "<b>Ada &amp; Co</b>" in mail.html
    assert "<mj-" in mail.mjml
    assert "<mj-" not in mail.html
    assert mail.text.startswith("Dear Ada & Co\n")


def test_a_mail_without_a_title_has_an_empty_subject(greet: Callable[[], Rendered], rewrite: Rewrite) -> None:
    rewrite("greeting/greeting.mjml", "<mjml><mj-body></mj-body></mjml>")

    assert greet().subject == greet().preheader == ""


def test_a_subject_is_one_line(greet: Callable[[], Rendered], rewrite: Rewrite) -> None:
    rewrite("greeting/greeting.mjml", MAIL.replace("Dear", "Dear\r\n\tBcc: all\u2028"))

    assert greet().subject == "Dear Bcc: all Ada & Co"


def test_a_saved_layout_shows_at_once_where_reloading_is_asked_for(
    greet: Callable[[], Rendered], rewrite: Rewrite
) -> None:
    greet()
    rewrite("_layout/part.mjml", PART.replace("<b>", "<b>Dr "))

    assert "<b>Dr Ada" in greet().html


def test_languages_do_not_mix(folder: Path, english: Language, arabic: Language, rewrite: Rewrite) -> None:
    rewrite("greeting/greeting.txt", "{{ lang }} {{ dir }} {{ _('Hello %(name)s', name=name) }}")
    templates = Templates(folder, branding({"name": "Northwind School"}, Palette()))

    texts = [templates.render(Greeting(name="Ada"), language).text for language in (english, arabic, english)]

    assert texts == ["en ltr Hello Ada\n", "ar rtl Hello \u2068Ada\u2069\n", "en ltr Hello Ada\n"]


def test_a_translated_text_is_markup_and_its_values_are_not(greet: Callable[[], Rendered], rewrite: Rewrite) -> None:
    rewrite("_layout/part.mjml", "{% macro strong(text) %}{{ _('<i>%(name)s</i> 100%%', name=text) }}{% endmacro %}")

    assert "<i>Ada &amp; Co</i> 100%" in greet().html


def test_a_paragraph_of_the_text_part_is_one_line_which_mail_programs_wrap(
    greet: Callable[[], Rendered], rewrite: Rewrite
) -> None:
    paragraph = "word " * 40 + "https://" + "x" * 100 + " あ" * 60
    rewrite("greeting/greeting.txt", f"{paragraph}\n\n-- \nNorthwind\n")

    assert greet().text == f"{paragraph}\n\n-- \nNorthwind\n"


@pytest.mark.parametrize(
    ("file", "was", "becomes", "place", "message"),
    [
        ("greeting/greeting.mjml", "strong(name)", "strong(nmae)", "greeting/greeting.mjml:5", "'nmae' is undefined"),
        ("greeting/greeting.mjml", "Dear {{ name", "Dear {{ nmae", "greeting/greeting.mjml:3", "'nmae' is undefined"),
        ("greeting/greeting.mjml", "_layout/part", "_layout/prat", "greeting/greeting.mjml:2", "no template _layout"),
        ("greeting/greeting.mjml", "Dear {{", "Dear {{ 1 / 0 }}{{", "greeting/greeting.mjml:3", "ZeroDivisionError: "),
        (
            "greeting/greeting.mjml",
            "Dear {{ name",
            "Dear {{ name|clock",
            "greeting/greeting.mjml:3",
            "AttributeError: ",
        ),
        ("greeting/greeting.mjml", "Dear {{ name", "Dear {{ name|shout", "greeting/greeting.mjml:3", "'shout'"),
        ("greeting/greeting.txt", "{{ name }}", "\n{{ name.first }}", "greeting/greeting.txt:2", "'first'"),
        ("_layout/base.mjml", "brand.name", "brand.nmae", "_layout/base.mjml:4", "'nmae'"),
        ("_layout/base.mjml", "{% endblock %}\n</mj-col", "\n</mj-col", "_layout/base.mjml:7", "is 'block'"),
        ("_layout/part.mjml", "{% endmacro %}", "{% endmcaro %}", "_layout/part.mjml:3", "unknown tag 'endmcaro'"),
        ("_layout/part.mjml", "text.strip()", "text.strip(", "_layout/part.mjml:2", "unexpected '}'"),
    ],
)
def test_a_mistake_is_told_by_file_and_line(
    file: str,
    was: str,
    becomes: str,
    place: str,
    message: str,
    folder: Path,
    greet: Callable[[], Rendered],
    rewrite: Rewrite,
) -> None:
    text = (folder / file).read_text("utf-8")
    assert was in text
    rewrite(file, text.replace(was, becomes))

    with pytest.raises(TemplateInvalid) as caught:
        greet()

    assert str(caught.value).startswith(f"{folder / place}: ")
    assert message in caught.value.message


def test_a_mail_without_a_text_part_is_told(folder: Path, greet: Callable[[], Rendered]) -> None:
    (folder / "greeting" / "greeting.txt").unlink()

    with pytest.raises(TemplateInvalid, match=r"there is no template greeting/greeting\.txt"):
        greet()


@pytest.mark.parametrize("broken", ["<mj-text>", "<mj-text><b></mj-text>", "</mj-column>", "<mj-text color=red/>"])
def test_malformed_mjml_is_told_with_the_template(
    broken: str, folder: Path, greet: Callable[[], Rendered], rewrite: Rewrite
) -> None:
    rewrite("greeting/greeting.mjml", MAIL.replace("<mj-text>", broken + "<mj-text>"))

    with pytest.raises(TemplateInvalid, match="MJML: ") as caught:
        greet()

    assert caught.value.path == str(folder / "greeting" / "greeting.mjml")


def test_no_mail_asks_for_a_web_font(greet: Callable[[], Rendered], rewrite: Rewrite) -> None:
    rewrite("greeting/greeting.mjml", MAIL.replace("<mj-text>", '<mj-text font-family="Roboto, Lato, Open Sans">'))

    html = greet().html

    assert "Roboto" in html
    assert "://fonts." not in html
