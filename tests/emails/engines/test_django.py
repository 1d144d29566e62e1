"""A Django project's mails: drawn, traced to their lines, read for their variables, and checked.

The project is set up in a process of its own, since Django has one project in each.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from keyturn.emails.engines.django import open_project
from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.app_environment import CannotImport
from keyturn.emails.lint.checks.undefined import check_undefined
from keyturn.emails.lint.document import Document, read_document
from keyturn.emails.lint.examination import examine
from keyturn.emails.lint.jinja.unknown_filters import with_lenient_origins
from keyturn.emails.lint.template_checks import findings
from keyturn.emails.workers import Limits, Workers
from keyturn.mail.rendering.compiling import Rendered

T = TypeVar("T")

PROJECT = Path(__file__).parent / "django_project"
EMAILS = "shop/templates/shop/emails"
RECEIPT, WELCOME = "shop/emails/receipt", "shop/emails/welcome"


class Opened:
    """The project in its process."""

    gallery: Gallery
    folder: Path


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Have something done in the project's process."""
    folder = tmp_path_factory.mktemp("django") / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    with Workers(Opened(), Limits(seconds=60), 1) as workers:
        workers.run(_open, folder)
        yield workers.run


def _open(opened: Opened, folder: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "django"]:
        del sys.modules[name]  # another test of this process has set it up in its own way
    os.chdir(folder)
    opened.folder, opened.gallery = folder, open_project("northwind.settings", None)


def _draw(opened: Opened, template: str, language: str = "en") -> Rendered:
    gallery = opened.gallery
    sample = next(iter(gallery.samples(template).values()))
    return gallery.renderers()(sample).render_values(template, sample.values, gallery.languages.known[language])


def _place(opened: Opened, template: str, text: str) -> str:
    document = _document(opened, template)
    place = document.place(document.markup.index(text))
    return f"{place.file}:{place.line}:{place.column}"


def _document(opened: Opened, template: str) -> Document:
    gallery = opened.gallery
    sample = next(iter(gallery.samples(template).values()))
    templates = gallery.renderers(with_lenient_origins)(sample)
    return read_document(templates, template, sample, gallery.languages.choose("en"))


def _names(opened: Opened) -> tuple[list[str], list[str]]:
    return opened.gallery.names(), opened.gallery.shared_files()


def _languages(opened: Opened) -> list[str]:
    return list(opened.gallery.languages.known)


def _guessed(opened: Opened, source: str) -> Any:
    with _template(opened, source) as name:
        return dict(opened.gallery.samples(name)["guessed"].values)


def _found(opened: Opened) -> list[tuple[str, str]]:
    found = examine(opened.gallery).found
    return [(one.finding.rule, f"{one.finding.place.file}:{one.finding.place.line}") for one in found]


def _finding(opened: Opened, source: str, values: str = "") -> list[tuple[str, str, str, str]]:
    with _template(opened, source, values) as name:
        gallery = opened.gallery
        sample = next(iter(gallery.samples(name).values()))
        templates = gallery.renderers(with_lenient_origins)(sample)
        found = findings(templates, name, sample, gallery.languages.choose("en"), [])
        return [(f"{one.place.line}:{one.place.column}", one.rule, one.message, one.fix) for one in found]


class _template:  # noqa: N801 - used as a function
    def __init__(self, opened: Opened, source: str, values: str = "") -> None:
        self._file = opened.folder / EMAILS / "tried.html"
        self._samples = self._file.with_name("tried.samples.toml")
        self._source, self._values = source, values

    def __enter__(self) -> str:
        self._file.write_text(self._source, "utf-8")
        if self._values:
            self._samples.write_text(self._values, "utf-8")
        return "shop/emails/tried"

    def __exit__(self, *_: object) -> None:
        self._file.unlink()
        self._samples.unlink(missing_ok=True)


def test_the_mails_of_a_project_are_told_from_its_pages(ask: Ask) -> None:
    mails, shared = ask(_names)
    assert mails == [RECEIPT, WELCOME]
    assert shared == ["shop/emails/base.html", "shop/emails/footer.html"]


def test_a_mail_is_drawn_by_the_projects_own_tags_filters_and_addresses(ask: Ask) -> None:
    mail = ask(_draw, RECEIPT)
    assert (mail.subject, type(mail.html)) == ("Thank you, Ada", str)
    assert "<li>TEA &lt;GREEN&gt;: 9.95 EUR" in mail.html
    assert '[new] 29.90 <a href="https://shop.example/orders/17/">' in mail.html
    assert "The Northwind &amp; Co team" in mail.html
    assert mail.text == "Thank you, Ada.\nhttps://shop.example/orders/17/\n"


def test_a_mail_speaks_the_languages_that_the_project_names(ask: Ask) -> None:
    assert ask(_languages) == ["de", "en", "pt-BR"]
    mail = ask(_draw, RECEIPT, "de")
    assert (mail.subject, "Ihre Rechnung" in mail.html, "20. November" in mail.html) == ("Danke, Ada", True, False)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("<html", "shop/emails/base.html:2:1"),
        ("Your receipt", "shop/emails/receipt.html:5:5"),
        ("CUP", "shop/emails/receipt.html:9:7"),
        ("<img", "shop/emails/receipt.html:9:53"),
        ("[new]", "shop/emails/receipt.html:14:4"),
        ("29.90", "shop/emails/receipt.html:14:22"),
        ("<a href", "shop/emails/receipt.html:14:69"),
        ("Northwind &amp;", "shop/emails/footer.html:1:8"),
    ],
)
def test_what_is_drawn_leads_to_its_line_through_layouts_loops_and_includes(ask: Ask, text: str, place: str) -> None:
    assert ask(_place, RECEIPT, text) == place


def test_an_mjml_block_is_compiled_here_and_its_mistakes_have_lines(ask: Ask) -> None:
    mail = ask(_draw, WELCOME)
    assert "<mjml>" in mail.mjml
    assert "<mj-text" not in mail.html
    assert ("mjml/unknown-attribute", "shop/emails/welcome.html:6") in ask(_found)


def test_the_checks_find_what_is_wrong_with_a_mail_in_plain_html(ask: Ask) -> None:
    assert ("accessibility/alt-missing", "shop/emails/receipt.html:9") in ask(_found)


def test_what_a_template_prints_gets_a_value_by_its_use(ask: Ask) -> None:
    source = """{% extends "shop/emails/base.html" %}{% load i18n humanize %}{% block body %}
    {% with total=order.total %}{{ total|floatformat:2 }}{% endwith %}{{ sent_at|date:"Y" }}
    {% for line in order.lines.all %}{{ line.product_name }}{% endfor %}
    {% for label, amount in rows.items %}{{ label }}{{ amount }}{% endfor %}
    {% if plan == "gold" and user.is_staff %}{{ forloop.counter }}{% endif %}
    {% blocktranslate count n=tickets %}{{ n }} ticket for {{ site }}{% plural %}{{ n }} tickets{% endblocktranslate %}
    {% url 'order' number=order_number %}{{ nickname|default:"friend" }}{% endblock %}"""
    values = ask(_guessed, source)
    assert list(values) == [
        "order", "sent_at", "rows", "plan", "user", "tickets", "site", "order_number", "nickname", "shop_name",
    ]  # fmt: skip
    assert isinstance(values["order"]["total"], int | float)
    assert [list(line) for line in values["order"]["lines"]["all"]] == [["product_name"]] * 3
    assert len(values["rows"]) == 3
    assert (values["sent_at"].year, values["plan"], values["user"]) == (2026, "gold", {"is_staff": True})


@pytest.mark.parametrize(
    ("source", "place", "rule", "message", "fix"),
    [
        (
            "<p>\n  {{ price|euros }}</p>", "2:3", "django/unknown-filter",
            "Invalid filter: 'euros'.", "Write {% load shop_tags %} above it.",
        ),
        (
            "<p>\n\n{% tranlate 'x' %}</p>", "3:1", "django/unknown-tag",
            "Invalid block tag: 'tranlate'.", "Did you mean translate?",
        ),
        (
            "{% load shop_tag %}", "1:1", "django/unknown-library",
            "'shop_tag' is not a registered tag library.", "Did you mean shop_tags?",
        ),
        (
            "<p>\n{% include 'shop/emails/foter.html' %}", "2:1", "django/missing-template",
            "There is no template shop/emails/foter.html.", "Did you mean shop/emails/footer.html?",
        ),
        (
            "<p>{% if a %}\n<p>", "1:4", "django/syntax",
            "Unclosed tag: 'if'. Looking for one of: elif, else, endif.", "Mend the tag at this place.",
        ),
    ],
)  # fmt: skip
def test_a_broken_template_is_told_with_its_place_and_what_mends_it(
    ask: Ask, source: str, place: str, rule: str, message: str, fix: str
) -> None:
    assert ask(_finding, source) == [(place, rule, message, fix)]


def test_what_a_tag_raises_is_told_at_its_line_and_with_guesses_it_is_none_of_the_templates_mistakes(ask: Ask) -> None:
    source = "<p>\n<a href=\"{% url 'order' number=name %}\">x</a>"
    ((place, rule, message, _),) = ask(_finding, source, '[one]\nname = "Ada"\n')
    assert (place, rule) == ("2:10", "django/error")
    assert message.startswith("NoReverseMatch: Reverse for 'order'")
    assert [rule for _, rule, _, _ in ask(_finding, source)] == ["samples/missing"]


def test_templates_that_bring_in_each_other_without_end_are_told(ask: Ask) -> None:
    ((_, rule, message, _),) = ask(_finding, "{% include 'shop/emails/partials/circle.html' %}", "[one]\na = 1\n")
    assert (rule, message) == ("django/error", "Templates bring in each other without end.")


def _undefined(opened: Opened, source: str, values: str) -> list[tuple[str, str, str]]:
    with _template(opened, source, values) as name:
        gallery = opened.gallery
        sample = next(iter(gallery.samples(name).values()))
        document = read_document(
            gallery.renderers(with_lenient_origins)(sample), name, sample, gallery.languages.choose("en")
        )
        return [(f"{one.place.line}:{one.place.column}", one.message, one.fix) for one in check_undefined(document)]


def test_a_name_that_a_sample_lacks_is_told_where_it_is_printed_and_not_where_the_author_expects_it(ask: Ask) -> None:
    source = """{% load i18n %}{{ order.totl }}{{ nickname|default:"friend" }}{% if nobody %}{{ nobody }}{% endif %}
{% for one in lines %}{{ one }}{% endfor %}{% for one in order.none %}x{% endfor %}
{% blocktranslate with name=order.total %}{{ name }} {{ shop }}{% endblocktranslate %}{{ order.empty }}"""
    assert ask(_undefined, source, '[one.order]\ntotal = 1\nnone = []\nempty = ""\n') == [
        ("1:16", "'order.totl' is not among the values, so nothing stands there.", "Did you mean order.total?"),
        (
            "2:1", "'lines' is not among the values, so nothing stands there.",
            "The sample one lacks it: add it there, give it a default, or do not print it.",
        ),
        (
            "3:1", "'shop' is not among the values, so nothing stands there.",
            "The sample one lacks it: add it there, give it a default, or do not print it.",
        ),
    ]  # fmt: skip


def _named(_: Opened, folder: str) -> list[str]:
    return open_project("northwind.settings", Path(folder)).names()


def test_a_folder_that_is_named_shows_all_it_holds_also_that_of_a_package(ask: Ask) -> None:
    import django.contrib.admin  # noqa: PLC0415 - for the folder of its templates

    folder = Path(django.contrib.admin.__path__[0]) / "templates" / "registration"
    assert ask(_named, "shop/templates") == ["shop", RECEIPT, WELCOME]
    assert "registration/password_reset_email" in ask(_named, str(folder))


def _django_own_mail(_: Opened) -> Rendered:
    import django.contrib.admin  # noqa: PLC0415 - as above

    folder = Path(django.contrib.admin.__path__[0]) / "templates" / "registration"
    gallery = open_project("northwind.settings", folder)
    sample = gallery.samples("registration/password_reset_email")["guessed"]
    language = gallery.languages.known["de"]
    return gallery.renderers()(sample).render_values("registration/password_reset_email", sample.values, language)


def test_djangos_own_mail_is_drawn_with_its_subject_in_another_language(ask: Ask) -> None:
    mail = ask(_django_own_mail)
    assert mail.subject.startswith("Passwort auf ")
    assert "/accounts/reset/" in mail.html


@pytest.mark.parametrize(
    ("settings", "folder", "said"),
    [
        ("northwind.setings", None, "there is no module northwind.setings"),
        ("northwind/settings.py", None, "it is written as package.module"),
        ("", None, "name the module of your settings"),
        ("northwind.settings", "/", "its loaders do not look into"),
    ],
)
def test_a_project_that_cannot_be_opened_is_a_sentence(ask: Ask, settings: str, folder: str | None, said: str) -> None:
    assert said in ask(_refusal, settings, folder)


def _refusal(_: Opened, settings: str, folder: str | None) -> str:
    try:
        open_project(settings, Path(folder + "usr/share") if folder else None)
    except CannotImport as error:
        return str(error)
    return ""
