"""A fault in a mail is found at its line, and so are two others in the same mail, which the fault does not hide."""

import sys
from pathlib import Path

import pytest

from keyturn.emails.gallery.opening import open_gallery
from keyturn.emails.lint.checks import CHECKS
from keyturn.emails.lint.examination import Examination, TemplateChecks, examine
from keyturn.emails.lint.source.unknown_filters import going_on

MJML = """\
<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>{}</mj-text>
<mj-text font-sise="16px">Boats</mj-text>
<mj-text><a href="htps://boats.example/orders">Your order of boats</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
OTHERS = [("mjml/unknown-attribute", "news.mjml:3:10"), ("links/unknown-scheme", "news.mjml:4:13")]
SAMPLE = '[ada]\nname = "Ada"\ncount = 0\nlines = [1, 2]\n'


APP = """
from jinja2 import Environment


def who(*_):
    raise RuntimeError("There is no session.")


class User:
    name = property(who)


environment = Environment(autoescape=True)
environment.globals |= {"who": who, "user_proxy": User()}
environment.filters["address"] = environment.tests["known"] = who
"""
"""An app whose functions need a session."""


def examined(folder: Path, body: str, sample: str = SAMPLE, around: str = MJML, **others: str) -> Examination:
    (folder / "news.mjml").write_text(around.replace("{}", body), "utf-8")
    (folder / "news.txt").write_text("htps://boats.example/orders", "utf-8")
    for name, text in others.items():
        (folder / f"{name}.mjml").write_text(text, "utf-8")
    if sample:
        (folder / "news.samples.toml").write_text(sample, "utf-8")
    return examine(open_gallery(folder, sandboxed=True))


def told(examination: Examination) -> list[tuple[str, str]]:
    """Return the rules and places of all findings but those on mail clients and accessibility."""
    return [
        (one.finding.rule, str(one.finding.place))
        for one in examination.found
        if one.finding.group not in ("compatibility", "accessibility")
    ]


FAULTS = [
    ("{% include 'boats.mjml' %}", "jinja/missing-template", 22),
    ("{% import 'boats.mjml' as boats %}{{ boats.all(name) }}", "jinja/missing-template", 21),
    ("{% from 'boats.mjml' import all %}{% call all() %}x{% endcall %}", "jinja/missing-template", 19),
    ("{{ name|shout }}", "jinja/unknown-filter", 18),
    ("{{ name }", "jinja/syntax", 10),
    ("{% if name %}Boats", "jinja/syntax", 10),
    ("{% for line in lines %}{{ line }}{% endif %}", "jinja/unknown-tag", 46),
    ("{% bots name %}", "jinja/unknown-tag", 13),
    ("{{ name }}{{ name|date:'d M' }}{{ name }}", "jinja/django-tag", 20),
    ("<a href=\"{% url 'order' %}\">Your order</a>", "jinja/django-tag", 22),
    ("{% ifequal name 'Ada' %}Ada{% endifequal %}", "jinja/django-tag", 13),
    ("{{ 1 / count }}", "jinja/error", 10),
    ("{{ name }}{{ 1 / count }}{{ name }}", "jinja/error", 20),
    ("{% if 1 / count %}{{ name }}{% else %}x{% endif %}", "jinja/error", 10),
    ("{% set share = 1 / count %}{{ share * 2 }}", "jinja/error", 10),
    ("{% for line in count %}{{ line }}{% endfor %}", "jinja/error", 10),
    ("{% for one, two in lines %}{{ one }}{% endfor %}", "jinja/error", 10),
    ("{% filter int(1, 2, 3, 4) %}1{% endfilter %}", "jinja/error", 10),
    ("{% with a = 1 / count %}{{ a }}{% endwith %}", "jinja/error", 10),
    ("{% for n in range(10**9) %}{{ n }}{% endfor %}", "jinja/sandbox", 10),
    ("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}", "jinja/error", 10),
    ("{% set one, two = lines, 2, 3 %}{{ one }}", "jinja/error", 10),
    ("{% set name.first = 'Ada' %}", "jinja/error", 10),
    ("{% break %}", "jinja/syntax", 13),
    ("{% for line in lines(] %}{% if line %}{% continue %}{% endif %}{% endfor %}", "jinja/syntax", 10),
    ("{% if name %}{% bots name %}{% else %}x{% endif %}", "jinja/unknown-tag", 26),
    ("{% load boats %}", "jinja/django-tag", 13),
    ("{% trans 'Boats' %}{% if name %}x{% endif %}", "jinja/django-tag", 13),
    ("{% trans 'Boats' as boats %}{{ boats.all }}", "jinja/django-tag", 13),
    ("{% blocktrans count n=lines|length %}One{% plural %}{{ n }}{% endblocktrans %}", "jinja/django-tag", 13),
    ("{% if lines|length_is:2 %}x{% else %}y{% endif %}", "jinja/django-tag", 13),
    ("{% for line in lines|slice:':1' %}{{ line }}{% empty %}x{% endfor %}", "jinja/django-tag", 13),
    ("{% with lines|length as total %}{{ total }}{% endwith %}", "jinja/django-tag", 13),
    ("{% regroup lines by kind as kinds %}{% for kind in kinds %}{{ kind.list }}{% endfor %}", "jinja/django-tag", 13),
    ("{% comment %}<b>{{ boats|shout }}{% bots %}{% endcomment %}", "jinja/django-tag", 10),
    ("{% for line in lines|slice:':1' %}{{ forloop.counter }}{% endfor %}", "jinja/django-tag", 13),
    ("{% apply upper %}{{ name }}{% endapply %}", "jinja/twig-tag", 13),
    ("{% assign boats = 1 %}{% comment %}<b>{% endcomment %}", "jinja/liquid-tag", 13),
    ("{{ name | date: '%Y' }}", "jinja/liquid-tag", 10),
    ("{{#if name}}x{{else}}y{{/if}}", "jinja/handlebars-tag", 10),
]

IN_A_BRANCH = MJML.replace("{}", "{}</mj-text>{% if vip %}<mj-text>").replace("</mj-column>", "{% endif %}</mj-column>")
"""A mail whose sample does not lead to the mistakes."""


@pytest.mark.parametrize(("body", "rule", "column"), FAULTS, ids=[body for body, _, _ in FAULTS])
def test_a_fault_is_found_with_the_others_of_its_mail(tmp_path: Path, body: str, rule: str, column: int) -> None:
    assert told(examined(tmp_path, body)) == [(rule, f"news.mjml:2:{column}"), *OTHERS]


@pytest.mark.parametrize(("body", "rule", "column"), FAULTS, ids=[body for body, _, _ in FAULTS])
def test_a_fault_hides_no_mistake_in_a_branch_that_no_sample_takes(
    tmp_path: Path, body: str, rule: str, column: int
) -> None:
    found = told(examined(tmp_path, body, SAMPLE + "vip = false", IN_A_BRANCH))

    assert found == [(rule, f"news.mjml:2:{column}"), *OTHERS]


def test_a_fault_is_told_once_however_many_samples_and_branches_have_it(tmp_path: Path) -> None:
    samples = SAMPLE + "vip = false\n" + SAMPLE.replace("ada", "bob") + "vip = true"
    examination = examined(tmp_path, "{{ 1 / count }}{% if lines %}x{% endif %}", samples, IN_A_BRANCH)

    assert told(examination) == [("jinja/error", "news.mjml:2:10"), *OTHERS]
    assert examination.found[0].mails == ("news/ada", "news/bob", "news/branch: without lines")


@pytest.mark.parametrize(
    "body", ["{{ 1 / 0 }}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ [1]|join(1, 2, 3) }}"]
)
def test_what_fails_with_any_values_is_an_error_also_without_samples(tmp_path: Path, body: str) -> None:
    assert told(examined(tmp_path, body, sample=""))[0] == ("jinja/error", "news.mjml:2:10")


@pytest.mark.parametrize(
    "part",
    [
        "{{ who() }}",
        "{{ user_proxy.name }}",
        "{{ 'orders'|address }}",
        "{% if 'orders' is known %}x{% endif %}",
        "{% for range in who() %}{{ range }}{% endfor %}",
        "{% set dict = rows|length %}{{ 1 / (dict - dict) }}",
    ],
)
def test_a_part_that_calls_the_app_may_work_there_and_is_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    (tmp_path / "harbour_app.py").write_text(APP, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (folder := tmp_path / "emails").mkdir()
    (folder / "news.html").write_text(f"<p>{part} of the harbour</p>", "utf-8")
    try:
        gallery = open_gallery(folder, environment="harbour_app:environment")
    finally:
        sys.modules.pop("harbour_app", None)

    assert [rule for rule, _ in told(examine(gallery)) if not rule.startswith("parity")] == ["unchecked/part"]


def test_a_part_that_fails_with_made_up_values_is_unchecked_and_the_mail_counts(tmp_path: Path) -> None:
    examination = examined(tmp_path, "{{ sign(rows)|tojson }}", sample="")

    assert told(examination) == [*OTHERS, ("unchecked/part", "news.mjml:2:10")]
    assert examination.unchecked == ("news/guessed",)


def test_a_macro_that_calls_itself_is_told_at_the_call(tmp_path: Path) -> None:
    body = "{% macro m(n) %}\n{% if n %}{{ m(n + 1) }}{% endif %}\n{% endmacro %}\n{{ m(1) }}"
    (error,) = [one.finding for one in examined(tmp_path, body).found if one.finding.group == "jinja"]

    assert (str(error.place), error.message) == ("news.mjml:3:1", "This macro calls itself without end.")


def test_files_that_include_each_other_hide_nothing(tmp_path: Path) -> None:
    both = {"_a": "a {% include '_b.mjml' %}" + "a" * 60_000, "_b": "b {% include '_a.mjml' %}"}
    found = told(examined(tmp_path, "{% include '_a.mjml' %}", **both))

    assert "jinja/error" in dict(found)
    assert set(OTHERS) <= set(found)


@pytest.mark.parametrize("include", ['{% include "news.mjml" %}', '<mj-include path="./news.mjml" />'])
def test_a_mail_that_includes_itself_has_no_mistakes_that_follow_from_that(tmp_path: Path, include: str) -> None:
    around = MJML.replace("<mj-text>{}</mj-text>", include)

    assert told(examined(tmp_path, "", around=around)) == [("jinja/error", "news.mjml:2:1"), *OTHERS]


def test_the_blocks_of_a_mail_without_its_layout_are_checked(tmp_path: Path) -> None:
    around = """\
{% extends "gone.mjml" %}{% block head %}<mj-style>p { color: red }</mj-style>{% endblock %}
{% block body %}<mj-section><mj-column>
<mj-text font-sise="16px">Boats</mj-text>
<mj-text><a href="htps://boats.example/orders">Your order of boats</a></mj-text>
</mj-column></mj-section>{% endblock %}
"""
    assert told(examined(tmp_path, "", around=around)) == [("jinja/missing-template", "news.mjml:1:13"), *OTHERS]


def test_two_faults_of_one_mail_are_both_told(tmp_path: Path) -> None:
    found = told(examined(tmp_path, "{{ 1 / count }}\n{% include 'boats.mjml' %}\n{{ name }"))

    assert [(rule, place.split(":")[1]) for rule, place in found[:3]] == [
        ("jinja/error", "2"),
        ("jinja/missing-template", "3"),
        ("jinja/syntax", "4"),
    ]


def test_tags_of_django_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text("<p>{% load static %}</p>{% url 'x' %}", "utf-8")
    examination = examined(tmp_path, "{% load i18n %}{% trans 'Boats' %} {% url 'boats' %}")

    (engine,) = [one.finding for one in examination.found if one.finding.rule == "jinja/django-tag"]
    assert engine.message.startswith("2 files are Django templates")


def test_a_mail_of_django_is_checked_in_all_its_parts(tmp_path: Path) -> None:
    around = """\
{% extends "_base.mjml" %}
{% load i18n boats %}
{% block title %}{% trans "Your order" %}{% endblock %}
{% block body %}<mj-section><mj-column>
{% if order.lines|length > 3 %}<mj-text font-sise="9px">{% trans "Many" %}</mj-text>{% else %}{% now "Y" %}{% endif %}
{% for line in order.lines|dictsort:"name" %}{% if forloop.first %}
<mj-image src="{% static 'boat.png' %}" colour="red" />{% endif %}
{% empty %}<mj-text>{% blocktrans with who=name %}Nothing for {{ who }}{% endblocktrans %}</mj-text>{% endfor %}
{% include "_button.mjml" with link=order.url text="Go" only %}
{% if order.total|add:1 > 3 %}<mj-buton>{% trans "Go" %}</mj-buton>{% endif %}
<mj-text>{{ name|linebreaks }} {% price order.total %} {{ 1 / 0 }}
{{ order.created|date:"Y-m-d" }} <a href="htps://boats.example">Your order of boats</a></mj-text>
</mj-column></mj-section>{% endblock %}
"""
    start, body = "<mjml lang='en'><mj-head><mj-title>{% block title %}{% endblock %}</mj-title></mj-head>", "mj-body>"
    base = f"{start}<{body}{{% block body %}}{{% endblock %}}</{body}</mjml>"
    button = '<mj-button hreff="x" href="{{ link }}" />'
    found = told(examined(tmp_path, "", sample="", around=around, _base=base, _button=button))

    assert {one for one in found if not one[0].startswith(("parity", "links/no-text"))} == {
        ("jinja/django-tag", "news.mjml:2:4"),
        ("mjml/unknown-attribute", "news.mjml:5:41"),
        ("mjml/unknown-attribute", "news.mjml:7:41"),
        ("mjml/unknown-attribute", "_button.mjml:1:12"),
        ("mjml/unknown-element", "news.mjml:10:31"),
        ("jinja/unknown-filter", "news.mjml:11:18"),
        ("jinja/unknown-tag", "news.mjml:11:35"),
        ("jinja/error", "news.mjml:11:56"),
        ("links/unknown-scheme", "news.mjml:12:37"),
    }


def test_findings_that_follow_from_a_stand_in_are_left_out(tmp_path: Path) -> None:
    body = 'x</mj-text>{{ 1 / count }}<mj-image src="{{ 1 / count }}" width="{{ 1 / count }}px" alt="" /><mj-text>'

    assert told(examined(tmp_path, body)) == [("jinja/error", "news.mjml:2:21"), *OTHERS]


def test_a_whole_mail_counts_as_checked(tmp_path: Path) -> None:
    assert examined(tmp_path, "{{ name }}").unchecked == ()


@pytest.mark.parametrize("body", ["{% include 'boats.mjml' %}", "{{ name }", "</mj-text>"])
def test_a_mail_that_is_not_seen_in_full_counts(tmp_path: Path, body: str) -> None:
    assert examined(tmp_path, body).unchecked == ("news/ada",)


def test_a_comment_that_ignores_the_fault_accepts_the_mail(tmp_path: Path) -> None:
    comment = "{# keyturn: ignore unchecked because the app signs it #}"
    examination = examined(tmp_path, f"{comment}{{{{ sign(rows)|tojson }}}}", sample="")

    assert [one.finding.rule for one in examination.ignored] == ["unchecked/part"]
    assert examination.unchecked == ()


def test_a_mail_of_text_alone_is_checked(tmp_path: Path) -> None:
    (tmp_path / "welcome.txt").write_text(
        "Hello {{ name }},\n\n<b>Boats</b> {{ 1 / 0 }}\n\nhttps://boats.example\n", "utf-8"
    )
    examination = examine(open_gallery(tmp_path))

    assert [(one.finding.rule, str(one.finding.place)) for one in examination.found] == [
        ("jinja/error", "welcome.txt:3:14"),
        ("parity/html-in-text", "welcome.txt:3:1"),
    ]


def test_the_links_of_a_mail_of_text_alone_are_checked(tmp_path: Path) -> None:
    addresses = ["htps://boats.example/{{ name }}", "http://boats.example", "https://boats.example", "https:///boats"]
    (tmp_path / "welcome.txt").write_text("Hello {{ name }}, see:\n" + "\n".join(addresses), "utf-8")

    assert told(examine(open_gallery(tmp_path))) == [
        ("links/unknown-scheme", "welcome.txt:2:1"),
        ("links/no-host", "welcome.txt:5:1"),
        ("links/http", "welcome.txt:3:1"),
    ]


def test_in_an_apps_environment_too_unknown_names_and_a_block_of_the_same_name_hide_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "harbour_names.py").write_text("from jinja2 import Environment\nenvironment = Environment()", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (folder := tmp_path / "emails").mkdir()
    body = (
        "{{ name|shout }}{% if name is loud %}x{% endif %}{% if name %}{% for line in lines|roar %}{{ line|sigh }}"
        "{% endfor %}{{ lines|select('odder')|list }}{% endif %}{% block a %}{% endblock %}"
    )
    (folder / "news.mjml").write_text(MJML.replace("{}", body + "\n{% block a %}{% endblock %}"), "utf-8")
    (folder / "news.samples.toml").write_text(SAMPLE, "utf-8")
    try:
        gallery = open_gallery(folder, environment="harbour_names:environment")
    finally:
        sys.modules.pop("harbour_names", None)
    examination = examine(gallery)
    found, messages = told(examination), {one.finding.message for one in examination.found}

    unknown = {"shout": "filter", "loud": "test", "roar": "filter", "sigh": "filter", "odder": "test"}
    assert messages >= {f"No {kind} named '{name}'." for name, kind in unknown.items()}
    assert {(rule, place.split(":")[1]) for rule, place in found} == {
        ("jinja/unknown-filter", "2"),
        ("jinja/unknown-test", "2"),
        ("jinja/syntax", "3"),
        ("mjml/unknown-attribute", "4"),
        ("links/unknown-scheme", "5"),
        ("parity/no-text", "1"),
    }


def test_the_wrong_tags_of_a_long_line_are_found_among_hundreds_of_right_ones(tmp_path: Path) -> None:
    wrong = {
        100: "{{ boat one }}",
        200: "{{ name two }}",
        220: "{{ name two }}",
        298: "{{ name) }}",
        299: "{{ name ? 1 }}",
    }
    tags = [wrong.get(number, "{{ name }} boat") for number in range(300)]
    examination = examined(tmp_path, " ".join(tags))

    line = "<mj-text>" + " ".join(tags)
    assert [place for rule, place in told(examination) if rule == "jinja/syntax"] == [
        f"news.mjml:2:{line.index(word) + 1}" for word in ("one }}", "two }}", "{{ name)", "{{ name ?")
    ]


@pytest.mark.long
@pytest.mark.parametrize("between", ["\n", " "])
@pytest.mark.parametrize(
    ("tag", "first"),
    [
        ("{{% boat{} %}}", ("jinja/unknown-tag", 13)),
        ("{{{{ name boat{} }}}}", ("jinja/syntax", 18)),
        ("{{{{ name{} }}", ("jinja/syntax", 10)),
    ],
)
def test_of_a_file_with_hundreds_of_wrong_tags_the_first_is_told(
    tmp_path: Path, tag: str, first: tuple[str, int], between: str
) -> None:
    tags = (f"{tag.format(number)}{{{{ name }}}} of the harbour" for number in range(600))
    examination = examined(tmp_path, between.join(tags))

    rule, column = first
    assert told(examination)[0] == (rule, f"news.mjml:2:{column}")
    assert examination.unchecked == ("news/ada",)


def test_samples_that_cannot_be_read_hide_nothing_of_the_mail(tmp_path: Path) -> None:
    examination = examined(tmp_path, "Hello {{ name }}", sample="[ada\nname = 1\n")

    found = told(examination)
    assert ("samples/invalid", "news.samples.toml:1:5") in found
    assert {*OTHERS} <= {*found}
    assert examination.unchecked == ("news",)


def test_what_only_a_late_turn_shows_is_found_though_the_mail_includes_itself(tmp_path: Path) -> None:
    late = "{% for n in range(150) %}{% if n == 149 %}{{ boats }}{% endif %}{% endfor %}{% include 'news.mjml' %}"

    assert ("jinja/undefined", "news.mjml:2:55") in told(examined(tmp_path, late))


def test_of_a_template_that_passed_a_limit_a_late_sample_has_turns_of_its_own(tmp_path: Path) -> None:
    late = "{% for name in names %}{% if name == 'late' %}{{ boats }}{% endif %}{% endfor %}"
    many = "{% for a in range(90) %}{% for b in range(90) %}{% endfor %}{% endfor %}"
    (tmp_path / "news.html").write_text(f"{late}\n{many}", "utf-8")
    (tmp_path / "news.samples.toml").write_text('[ada]\nnames = []\n[bob]\nnames = ["a", "b", "late"]\n', "utf-8")
    gallery = going_on(open_gallery(tmp_path))

    with gallery.one_look():
        found = TemplateChecks(gallery, CHECKS, [gallery.languages.choose("en")]).check_briefly("news").found

    assert ("jinja/undefined", ("news/bob",)) in {(finding.rule, mails) for finding, mails in found}


NESTED = """{% extends "base.html" %}
{% block body %}
{% for name in names %}<a href="htps://boats.test">{{ name }}</a>
{% if name %}
<a href="htps://boats.test">Boats</a>
{% endfor %}
<a href="htps://boats.test">Boats</a>
{% endblock %}
"""


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (NESTED, 4, "'if' is not closed before 'endfor'."),
        (NESTED.replace("{% endfor %}", "{% endif %}"), 3, "'for' is not closed before 'endblock'."),
        (NESTED.replace("{% endfor %}", "{% endif %}{% endfor %}").replace("{% endblock %}", ""), 2, ""),
    ],
    ids=["endif", "endfor", "endblock"],
)
def test_a_tag_that_is_not_closed_hides_nothing_of_a_childs_block(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    (tmp_path / "base.html").write_text("<title>Hello</title><body>{% block body %}{% endblock %}</body>")
    (tmp_path / "news.html").write_text(text)
    found = [one.finding for one in examine(open_gallery(tmp_path)).found]
    (syntax,) = (one for one in found if one.rule == "jinja/syntax")
    assert syntax.place.line == line
    assert said in syntax.message
    assert {one.place.line for one in found if one.rule == "links/unknown-scheme"} == {3, 5, 7}


def test_several_tags_that_are_not_closed_in_one_are_told_each(tmp_path: Path) -> None:
    text = "{% for name in names %}{% if name %}\n{% if names %}{{ name }}{% endfor %}<a href='htps://boats.test'>Boats</a>"
    (tmp_path / "news.html").write_text(text)
    found = [one.finding for one in examine(open_gallery(tmp_path)).found]
    assert [one.place.line for one in found if one.rule == "jinja/syntax"] == [1, 2]
    assert [one.place.line for one in found if one.rule == "links/unknown-scheme"] == [2]
