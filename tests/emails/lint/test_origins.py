"""Templates that say where each text stands: `@file:line` is written at that line of that file."""

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from babel import Locale
from jinja2 import ChainableUndefined, DictLoader, Environment, pass_context
from jinja2.runtime import Context
from tests.samples import read_samples

from keyturn.emails.lint.source.origins import with_origins
from keyturn.emails.lint.source.traced_text import origin_at, pieces_of
from keyturn.languages import Language
from keyturn.mail.rendering.palette import Palette
from keyturn.mail.rendering.render import Templates, branding
from keyturn.packaging import folder
from keyturn.reset.mails.email_props import EMAILS
from keyturn.settings import Brand, FileOrUrl

_MARK = re.compile(r"@([\w.]+):(\d+);", re.IGNORECASE)

TEMPLATES: Mapping[str, str] = {
    "base.html": """\
<html> @base.html:1;
{%- import "macros.html" as m with context %}
{% block head %}  @base.html:3; {{ title }}
{% endblock %}
  {% if shown -%}
     @base.html:6;
  {%- endif %}
{{ m.card("base") }}
{% block body required %}{% endblock %}
{% block foot scoped %}@base.html:10;{% endblock -%}
{# a comment
   of two lines #}

@base.html:14; {{ self.head() }} </html>
""",
    "macros.html": """\
{% macro card(name, times=2) -%}
  <p> @macros.html:2; {{ name }} {{ caller() if caller else "" }}</p>
  {% for i in range(times) %}
    <i>@macros.html:4; {{ i }}</i>{{ loop.last or ", " }}
  {% endfor %}
{%- endmacro %}
{% set kept %}<b>@macros.html:7; &amp;</b>{% endset %}
{% macro empty() %}{% endmacro %}
""",
    "part.html": "@part.html:1;\n<hr>@part.html:2; {{ title }}",
    "page.html": """\
{% extends "base.html" %}
{% from "macros.html" import card, kept, empty %}
{% set captured %}

 @page.html:5; {{ title }}
{% endset %}
{% block head %}{{ super() }}{{- super()|upper }} @page.html:7;{% endblock %}
{% block body %}
@page.html:9; <é> {{ title }} @page.html:9;
{{ captured }}{{ captured|trim }}{{ captured|length }}{% if captured|trim %}@page.html:10;{% endif %}
{{ kept }}{{ kept ~ " and " ~ title }}{{ kept|safe }}
{% include "part.html" %} {% include "part.html" without context %}
{% call card("x", times=1) %}@page.html:13;{% endcall %}
{% filter upper %}shout @page.html:14;{% endfilter %}
{% filter replace("a", "b") %}banana{% endfilter %}
{% raw %}{{ @page.html:16; }}{% endraw %}
{% if not empty() %}@page.html:17;{% endif %}
{% for row in rows recursive %}{{ loop.index }}@page.html:18;{{ loop(row) if row is iterable and row is not string }}
{%- else %}@page.html:19;{% endfor %}
{% trans count=rows|length, who=title %}one {{ who }}{% pluralize %}{{ count }} of {{ who }}{% endtrans %}
{{ _("Hello %(name)s", name=captured) }} {{ "%s" % title }} {{ title if false }}
{% with title="inner" %}{{ title }} @page.html:22;{% endwith %}
{% autoescape false %}{{ title }}@page.html:23;{% endautoescape %}{{ "lit" }}{{ 1.5 }}{{ none }}
{{ [title, kept]|join(" @page.html:24; ") }}
{% set ns = namespace(found=kept) %}{{ ns.found }}{{ rows|map("string")|list }}
{{ called(title) }}@page.html:26;
{% endblock %}
""",
}
VALUES: Mapping[str, Any] = {"title": "<T> & 'co'", "shown": True, "rows": [[1], [2, [3]]]}


@pass_context
def called(context: Context, value: str) -> str:
    return f"{context['shown']}{value}"


def _environment(**options: Any) -> Environment:
    given = {"autoescape": True, "loader": DictLoader(dict(TEMPLATES)), **options}
    environment = Environment(extensions=["jinja2.ext.i18n"], **given)  # noqa: S701 - both ways are tried
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    environment.globals["called"] = called
    environment.filters["aloud"] = pass_context(lambda _, text: text.upper())
    return environment


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"trim_blocks": True},
        {"trim_blocks": True, "lstrip_blocks": True},
        {"autoescape": False},
        {"autoescape": lambda name: name == "page.html"},
        {"keep_trailing_newline": True},
        {"optimized": False},
        {"finalize": lambda value: "" if value is None else value},
        {"enable_async": True},
        {"undefined": ChainableUndefined},
    ],
    ids=lambda options: ",".join(options) or "plain",
)
def test_the_text_is_the_same_to_the_byte(options: Mapping[str, Any]) -> None:
    environment = _environment(**options)

    plain = environment.get_template("page.html").render(VALUES)
    traced = with_origins(environment).get_template("page.html").render(VALUES)

    assert str(traced) == plain
    assert plain.count("@") > 25


@pytest.mark.parametrize("options", [{}, {"trim_blocks": True, "lstrip_blocks": True}, {"autoescape": False}])
def test_every_text_knows_its_file_line_and_column(options: Mapping[str, Any]) -> None:
    text = with_origins(_environment(**options)).get_template("page.html").render(VALUES)

    followed = 0
    for mark in _MARK.finditer(text):
        origin = origin_at(pieces_of(text), mark.start())
        assert origin is not None
        file, line, column = origin.place.file, origin.place.line, origin.place.column
        written = TEMPLATES[file].splitlines()[line - 1][column - 1 :]
        if origin.verbatim:
            assert (file, line) == (mark[1].lower(), int(mark[2]))
            assert written.lower().startswith(mark[0].lower())
            followed += 1
        else:
            assert written.startswith("{{")
    assert followed > 20


def test_a_text_in_a_macro_knows_who_called_it() -> None:
    text = with_origins(_environment()).get_template("page.html").render(VALUES)

    origin = origin_at(pieces_of(text), text.index("@page.html:13;") - 5)

    assert origin is not None
    assert origin.place.file == "macros.html"
    assert [(place.file, place.line) for place in origin.via] == [("page.html", 13)]


def test_an_expression_is_where_its_braces_open() -> None:
    environment = Environment(loader=DictLoader({"a": "one\n  two {{ x\n  }} {{ x }}"}), autoescape=True)

    text = with_origins(environment).get_template("a").render(x="<X>")

    assert _place(text, text.index("&lt;X")) == ("a", 2, 7)
    assert _place(text, text.rindex("&lt;X")) == ("a", 3, 6)


@pytest.mark.parametrize(
    "source",
    [
        "{% filter aloud %}\n  one\n  @mark:3{% endfilter %}",
        "{% set block %}\n\n@mark:3{% endset %}{{ block|indent(8) }}",
        "{% set block %}\n one\n@mark:3{% endset %}{{ block|wordwrap(10)|trim }}",
        "{% macro m() %}\n\n@mark:3{% endmacro %}{{ m() ~ ' and more' }}",
    ],
)
def test_a_filter_that_changes_blanks_or_case_keeps_the_places(source: str) -> None:
    environment = _environment(loader=DictLoader({"mark": source}))

    text = with_origins(environment).get_template("mark").render()

    assert _place(text, text.lower().index("@mark:3"))[:2] == ("mark", 3)


def test_windows_line_ends_count_as_one() -> None:
    environment = Environment(loader=DictLoader({"a": "one\r\ntwo {{ x }}\r\n  three"}), autoescape=True)

    text = with_origins(environment).get_template("a").render(x="x")

    assert _place(text, text.index("three")) == ("a", 3, 3)


def test_the_original_environment_stays_as_it_was() -> None:
    environment = _environment()
    traced = with_origins(environment)
    traced.get_template("page.html").render(VALUES)

    assert type(environment.get_template("page.html").render(VALUES)) is str
    assert environment.filters["upper"] is not traced.filters["upper"]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("template", sorted(EMAILS))
@pytest.mark.long
def test_the_mails_that_are_sent_carry_no_trace(template: str, language: str) -> None:
    brand = msgspec.structs.asdict(Brand(name="Northwind School", logo=FileOrUrl("https://northwind.example/logo.png")))
    templates = Templates(folder("email_templates"), branding(brand | {"logo_url": brand["logo"]}, Palette()))
    traced = templates.with_preparation(with_origins)
    spoken = Language(Locale.parse(language), ZoneInfo("UTC"))

    for props in read_samples(templates.folder, EMAILS[template]).values():
        values = msgspec.structs.asdict(props)
        sent, seen = templates.fill(template, values, spoken), traced.fill(template, values, spoken)
        assert sent == tuple(str(part) for part in seen)
        assert all(type(part) is str for part in sent)
        assert all(piece.origin for part in seen for piece in pieces_of(part))


def _place(text: str, offset: int) -> tuple[str, int, int]:
    origin = origin_at(pieces_of(text), offset)
    assert origin is not None
    return origin.place.file, origin.place.line, origin.place.column
