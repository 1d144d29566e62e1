"""Folders of another engine's templates: one finding for all of them, with how many there are and
the way out.
"""

from pathlib import Path

import pytest
from tests.studio.folders import written

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.checks.links import check_links
from keyturn.studio.lint.gallery_checks import check_gallery
from keyturn.studio.lint.report import Report

CHECKED = (check_links,)
PAGE = '<html lang="en"><body><h1>News</h1>{}</body></html>'
PAGE_OF_WORD = "<style>\n@page Section1\n\t{margin:1in;}\n</style>"


def examined(folder: Path, **pages: str) -> Report:
    return check_gallery(
        open_gallery(written(folder, {f"{name}.html": text for name, text in pages.items()})),
        checks=CHECKED,
    )


def test_a_folder_of_django_is_told_once(tmp_path: Path) -> None:
    examination = examined(
        tmp_path,
        a_good=PAGE.format("<p>{{ name }}</p>"),
        invoice="{% load i18n %}\n" + PAGE.format(""),
        order=PAGE.format("\n<a href=\"{% url 'order' %}\">Order</a>"),
        welcome=PAGE.format('{{ since|date:"j F Y" }}'),
        sale=PAGE.format("{% embed 'a' %}"),
    )

    found, other = examination.found
    assert (other.rule, other.place.file) == ("jinja/twig-tag", "sale.html")
    assert (found.rule, str(found.place)) == ("jinja/django-tag", "invoice.html:1:4")
    assert found.message == (
        "3 files are Django templates, but the folder is Jinja. The first: "
        "{% load %} is a tag of Django, but the template is Jinja."
    )
    assert "list their folders in the setting ignore" in found.fix
    assert [mail.template for mail in found.mails] == ["invoice", "order", "welcome"]


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        ("jinja/go-tag", '<a href="{{ .ConfirmationURL }}">Confirm</a> {{ .Email }}'),
        ("jinja/go-tag", "{{- range .Items }}{{ .Name }}{{ end }}{{ if $x }}a{{ else }}b{{ end }}"),
        ("jinja/braze-tag", "Dear {{${first_name}}} of {{custom_attribute.${city}}}"),
        ("jinja/handlebars-tag", "{{#each rows}}{{name}}{{else}}None{{/each}}"),
        (
            "jinja/go-tag",
            (
                '{{ template "header" . }}<a href="{{ .Url }}">{{ L.Ts "email.status" }}</a>'
                "{{ $x := .A }}{{ $x }}"
            ),
        ),
        (
            "jinja/handlebars-tag",
            "{{{ name }}} {{format_address order.x}} {{{{raw}}}}a{{{{/raw}}}}",
        ),
        ("jinja/blade-tag", '{{ $user->name }}<a href="{{ $url }}">Open</a>{!! $text !!}'),
        ("jinja/blade-tag", "@if ($paid) <a href=\"{{ route('home') }}\">Open</a> @endif"),
        (
            "jinja/erb-tag",
            '<a href="<%= @url %>">Open</a><% @rows.each do |row| %><%= row %><% end %>',
        ),
        ("jinja/erb-tag", '<a href="<%= url %>">Open</a>'),
        ("jinja/ejs-tag", '<% if (url) { %><a href="<%= url %>">Open</a><% } %>'),
        ("jinja/freemarker-tag", '<#if url??><a href="${url!}">Open</a></#if>'),
        ("jinja/php-tag", '<a href="<?= $url ?>">Open</a><?php foreach ($rows as $row): ?>'),
        ("jinja/velocity-tag", '#if($url)<a href="$url">Open</a>#end $!name'),
        (
            "jinja/thymeleaf-tag",
            '<a th:href="@{/orders}">Open</a><a href="/a" th:text="${name}">A</a>',
        ),
        ("jinja/razor-tag", '<a href="@Model.Url">Open</a>@if (Model.Paid) { <b>Paid</b> }'),
    ],
)
def test_an_engine_is_known_by_its_expressions_and_told_once(
    tmp_path: Path, rule: str, written: str
) -> None:
    examination = examined(tmp_path, one=PAGE.format(written), two=PAGE.format(written))
    (found,) = examination.found
    assert found.rule == rule
    assert found.message.startswith("2 files are ")


def test_a_file_that_is_included_as_in_django_is_checked_with_its_mail(tmp_path: Path) -> None:
    include = PAGE.format('{% include "_part.html" with name=1 %}')
    found = examined(tmp_path, one=include, _part="{% include 'two.html' %}").found
    assert {(one.rule, one.place.file) for one in found} == {
        ("jinja/django-tag", "one.html"),
        ("jinja/missing-template", "_part.html"),
    }


@pytest.mark.parametrize(
    "jinja",
    [
        "{{ name|upper( }}",
        "{{ {'a':'b'} | }}",
        "{% if a %}",
        "{% trans 'fruit' %}{{ name }}{% endtrans %}{{ name ! }}",
        "{{ names[name|int:3] }}{{ name ! }}",
    ],
)
def test_a_mistake_in_jinja_is_not_taken_for_another_engine(tmp_path: Path, jinja: str) -> None:
    (found,) = examined(tmp_path, one=PAGE.format(jinja)).found
    assert found.rule == "jinja/syntax"


def test_a_call_beside_templates_of_another_engine(tmp_path: Path) -> None:
    """A call with arguments, in a folder of another engine's templates, is a part of the one
    finding.
    """
    one, two = (
        PAGE.format("{{#if paid}}Paid{{/if}}"),
        PAGE.format("{{format_address order.address}}"),
    )
    (found,) = examined(tmp_path, one=one, two=two).found
    assert found.rule == "jinja/handlebars-tag"
    assert found.message.startswith("2 files are Handlebars templates")


def test_the_severity_of_a_call_of_another_engine(tmp_path: Path) -> None:
    """A call that is told as another engine's has the severity that is set for that engine."""
    call = PAGE.format("{{format_address order.address}}")
    block = PAGE.format("{{#if paid}}Paid{{/if}}")
    gallery = open_gallery(written(tmp_path, {"a_call.html": call, "block.html": block}))
    severity = {"jinja/handlebars-tag": "note"}
    (found,) = check_gallery(gallery, CHECKED, severity=severity).found
    assert (found.rule, found.severity) == ("jinja/handlebars-tag", "note")


def test_an_engines_rule_that_is_off_hides_no_other_finding(tmp_path: Path) -> None:
    """With the rule of an engine's blocks off, a call beside them is still a mistake in syntax."""
    call = PAGE.format("{{format_address order.address}}")
    block = PAGE.format("{{#if paid}}Paid{{/if}}")
    gallery = open_gallery(written(tmp_path, {"a_call.html": call, "block.html": block}))
    report = check_gallery(gallery, CHECKED, severity={"jinja/handlebars-tag": "off"})
    assert [finding.rule for finding in report.found] == ["jinja/syntax"]
    assert [mail.template for mail in report.unchecked] == ["a_call"]


def test_mails_of_another_engine_are_unchecked(tmp_path: Path) -> None:
    """A mail of another engine counts once as one that was not checked in full."""
    assert [
        *map(
            str,
            examined(tmp_path, one=PAGE.format("<?= $a ?>"), two=PAGE.format("{{ .A }}")).unchecked,
        )
    ] == [
        "one/guessed",
        "two/guessed",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "${{ price }}",
        "<%unsubscribe%>",
        "{% if a %}<?php{% endif %}",
        "A #hash (tag)",
        "ada@example.org",
        "#if",
        "$12",
        PAGE_OF_WORD,
    ],
)
def test_a_text_is_not_taken_for_another_engine(tmp_path: Path, text: str) -> None:
    """A placeholder, a sign, an address or CSS in a mail of Jinja is none of another engine."""
    assert [*examined(tmp_path, one=PAGE.format(text)).found] == []
