"""The branches of a mail that its samples leave out: values are found that take them, or it is said why not."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.branches.report import BranchReport, coverage_of
from keyturn.studio.gallery.opening import open_gallery

SAMPLE = """\
[ada]
status = "open"
company = "Acme"
total = 50
placed = 2026-11-20T10:00:00Z
items = [{name = "Boat", stock = true}, {name = "Oar", stock = true}]
order = {number = "A1", address = {city = "Ghent"}}
"""


def explored(folder: Path, template: str, samples: str = SAMPLE, **files: str) -> BranchReport:
    (folder / "_parts").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "_parts" / f"{name}.html").write_text(text)
    (folder / "mail.html").write_text(f"<html>{template}</html>")
    if samples:
        (folder / "mail.samples.toml").write_text(samples)
    report = open_gallery(folder, sandboxed=True).branches("mail")
    assert report
    return report


def found(report: BranchReport) -> list[str]:
    return [sample.name.removeprefix("branch: ") for sample in report.samples]


def never(report: BranchReport) -> dict[str, str]:
    return {f"{one.lines} {one.name}": one.reason for one in report.never_rendered}


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("not company", "without company"),
        ("status == 'cancelled'", "status is cancelled"),
        ("status in ('cancelled', 'lost')", "status in cancelled, lost"),
        ("status != 'open' and total > 100", "status is not open and total > 100"),
        ("refund", "with refund"),
        ("refund is defined", "refund is defined"),
        ("company is none", "company is none"),
        ("company is not string", "company is not string"),
        ("items|length > 5", "items|length > 5"),
        ("items[1].gift", "with items.1.gift"),
        ("order.address.country == 'BE'", "order.address.country is BE"),
        ("order['note']", "with order.note"),
        ("order.get('note')", "order.get(note)"),
        ("order.number.startswith('X')", "order.number.startswith(X)"),
        ("placed.year >= 2030", "placed.year >= 2030"),
        ("total < 0 or total > 99", "total < 0 or total > 99"),
        ("total is divisibleby 7", None),
        ("(total / 2)|round is even and company|upper == 'X'", None),
        ("items|selectattr('gift')|list", None),
        ("items|map(attribute='name')|join == ''", None),
        ("not items", "without items"),
        ("is_urgent", "is_urgent"),
    ],
)
def test_values_are_found_that_take_a_condition(tmp_path: Path, test: str, name: str | None) -> None:
    report = explored(tmp_path, f"{{% if {test} %}}\nyes\n{{% endif %}}")

    if test.startswith("items|selectattr"):  # an entry is what matters there, and none of the sample's has it
        assert never(report) == {f"mail.html:2 {report.never_rendered[0].name}": report.never_rendered[0].reason}
    elif name:
        assert found(report) == [name]
        assert not report.never_rendered
    assert report.by_samples < report.known


def test_the_found_values_draw_the_branch(tmp_path: Path) -> None:
    report = explored(tmp_path, "{% if status == 'cancelled' and not company %}Gone{% endif %}")
    gallery = open_gallery(tmp_path)
    sample = gallery.sample("mail", report.samples[0].name)

    rendered = gallery.renderers()(sample).render_values("mail", sample.values, gallery.languages.choose(""))

    assert "Gone" in rendered.html
    assert sample.values["total"] == 50


def test_what_else_stands_there_is_drawn_too(tmp_path: Path) -> None:
    template = """{% if status == 'open' %}a{% elif status == 'lost' %}b{% elif total > 90 %}c{% else %}d{% endif %}
{{ "x" if company == "Other" else "y" }}"""
    report = explored(tmp_path, template)

    assert found(report) == ["status is not open", "company is Other", "status is lost", "total > 90"]
    assert report.rendered == report.known


@pytest.mark.parametrize(
    ("template", "samples", "branches"),
    [
        (
            "{% for one in items if one.stock %}{% if loop.first and loop.last %}1{% endif %}{% else %}-{% endfor %}",
            SAMPLE,
            ["items is empty", "one of items"],
        ),
        (
            "{% for one in coupons %}{% if one.code == 'HALF' %}half{% endif %}{{ one.code }}{% endfor %}",
            SAMPLE,
            ["several of coupons", "one of coupons", "one.code is not HALF"],
        ),
        ("{% if company %}{{ company }}{% else %}nobody{% endif %}", "", ["without company"]),
        (
            "{% if status == 'cancelled' %}{{ total.missing() + 1 }}{{ 1 / 0 }}{% endif %}",
            SAMPLE,
            ["status is cancelled"],
        ),
    ],
    ids=[
        "loops are drawn empty and with one",
        "what stands in a loop that samples leave empty is come to",
        "a template without samples is looked through too",
        "a branch that breaks the mail is there to be checked",
    ],
)
def test_every_branch_is_found(tmp_path: Path, template: str, samples: str, branches: list[str]) -> None:
    report = explored(tmp_path, template, samples)

    assert found(report) == branches
    assert not report.never_rendered


def test_branches_are_followed_into_layouts_includes_and_macros(tmp_path: Path) -> None:
    template = """{% extends "_parts/base.html" %}{% import "_parts/ui.html" as ui %}
{% block content %}{% include "_parts/foot.html" %}{{ ui.button(note=hint) }}{{ ui.button() }}{% endblock %}"""
    report = explored(
        tmp_path,
        template,
        base="{% if banner %}B{% endif %}{% block content %}{% if nobody_sees %}x{% endif %}{% endblock %}",
        foot="{% if unsubscribe_url %}U{% endif %}",
        ui="{% macro button(kind='solid', note=none) %}{% if kind == 'ghost' %}g{% endif %}"
        "{% if note %}n{% endif %}{% endmacro %}{% macro other() %}{% if x %}{% endif %}{% endmacro %}",
    )

    assert sorted(found(report)) == ["with banner", "with note", "with unsubscribe_url"]
    assert not report.never_rendered, "what a mail's own call of a macro decides is no branch of the mail"


def test_what_a_child_writes_in_an_empty_block_is_behind_the_branches_around_the_block(tmp_path: Path) -> None:
    template = """{% extends "_parts/base.html" %}
{% block banner %}{% if company == "Other" %}{{ super() }}{% endif %}{% endblock %}
{% block unknown %}{% if total > 90 %}x{% endif %}{% endblock %}"""
    inner = "{% block banner %}{% if company and total == 7 %}!{% endif %}{% endblock %}"
    base = f"{{% if festive == 'yes' %}}<p>{inner}</p>{{% endif %}}"
    report = explored(tmp_path, template, base=base)

    assert set(found(report)) >= {"festive is yes", "company is Other", "company and total is 7"}
    assert not [one for one in report.never_rendered if "total > 90" not in one.name]


def test_a_child_s_block_uses_the_macros_that_its_layout_imports(tmp_path: Path) -> None:
    report = explored(
        tmp_path,
        '{% extends "_parts/base.html" %}{% block card %}{{ ui.note(hint) }}{% endblock %}',
        base='{% import "_parts/ui.html" as ui %}{% block card %}{% endblock %}',
        ui="{% macro note(text) %}{% if text == 'Read this' %}!{% endif %}{% endmacro %}",
    )

    assert found(report) == ["text is Read this"]


def test_blocks_that_stand_in_each_other_in_turn_come_to_an_end(tmp_path: Path) -> None:
    template = """{% extends "_parts/base.html" %}
{% block a %}{% block b %}{{ super() }}{% if company %}x{% endif %}{% endblock %}{% endblock %}"""
    base = "{% block b %}{% block a %}{% endblock %}{% endblock %}"
    explored(tmp_path, template, base=base)


def test_an_empty_branch_that_no_value_takes_is_no_gap(tmp_path: Path) -> None:
    report = explored(tmp_path, "{% if total > 10 and total < 5 %}\n{% endif %}{{ company }}")

    assert not report.never_rendered


def test_of_a_folder_what_no_mail_comes_to_counts(tmp_path: Path) -> None:
    report = explored(
        tmp_path,
        '{% import "_parts/ui.html" as ui %}{{ ui.button() }}',
        ui="{% macro button(kind='solid') %}{% if kind == 'ghost' %}g{% endif %}{% endmacro %}",
    )

    assert report.coverage.percent == 100
    assert [one.reason for one in coverage_of([report]).never_rendered] == ["No mail uses this file."]


def test_names_that_a_set_decides_are_followed(tmp_path: Path) -> None:
    template = """{% set big = total > 100 %}{% if big %}thanks{% endif %}
{% set ns = namespace(gift=false) %}
{% for one in items %}{% if one.gift %}{% set ns.gift = true %}{% endif %}{% endfor %}
{% if ns.gift %}gift{% endif %}
{% if company == 'X' %}{% set tone = 'cold' %}{% else %}{% set tone = 'warm' %}{% endif %}
{% if tone == 'cold' %}brr{% endif %}"""
    report = explored(tmp_path, template)

    assert not report.never_rendered
    assert "with big" in found(report)


def test_what_no_value_takes_is_listed_with_its_reason(tmp_path: Path) -> None:
    template = """{% if total > 10 and total < 5 %}
impossible
here
{% endif %}
{% if false %}
dead
{% endif %}
{% macro mine() %}
mine
{% endmacro %}"""
    report = explored(tmp_path, template)

    assert never(report) == {
        "mail.html:2-3 total > 10 and total < 5": "No value of total was found that leads here.",
        "mail.html:6 if false": "It does not depend on the values of the mail.",
        "mail.html:9 mine is called": "Nothing calls its macro.",
    }
    assert (report.coverage.rendered, report.coverage.branches) == (2, 5)


def test_names_that_only_the_branch_prints_are_made_up_but_for_misspelt_ones(tmp_path: Path) -> None:
    template = "{% if status == 'cancelled' %}{{ refund_amount }} {{ order.refund.day }} {{ compnay }}{% endif %}"
    (sample,) = explored(tmp_path, template).samples

    assert sample.values["refund_amount"]
    assert sample.values["order"]["number"] == "A1"
    assert "compnay" not in sample.values


def test_many_branches_come_to_an_end(tmp_path: Path) -> None:
    branches = "".join(f"{{% if v{nth} == '{nth}' %}}\n{nth}\n{{% endif %}}" for nth in range(60))
    report = explored(tmp_path, branches)

    assert len(report.samples) == 24
    assert set(never(report).values()) == {"The search reached the limit for one mail before this branch."}


@pytest.mark.long
def test_a_macro_that_calls_itself_comes_to_an_end(tmp_path: Path) -> None:
    macro = "{% macro tree(x) %}{% if x.a %}{{ tree(x.a) }}{{ tree(x.b) }}{{ tree(x.c) }}{% endif %}{% endmacro %}"

    assert explored(tmp_path, macro + "{{ tree(root) }}").known


class Status(Enum):
    OPEN = "open"
    LOST = "lost"


class Parcel(EmailProps, frozen=True):
    template = "mail"

    status: Status
    speed: Literal["slow", "fast"] = "slow"
    note: Annotated[str, Meta(min_length=1)] = "Ring twice"
    company: str | None = None
    items: tuple[str, ...] = ()


@pytest.fixture
def typed(tmp_path: Path) -> Gallery:
    (tmp_path / "mail.html").write_text("""<html>{% if status.value == "lost" %}lost{% endif %}
{% if speed == "fast" %}fast{% endif %}
{% if speed == "supersonic" %}
boom
{% endif %}
{% if not note %}
silent
{% endif %}
{% if company %}{{ company }}{% endif %}{% for one in items %}{{ one }}{% endfor %}</html>""")
    (tmp_path / "mail.samples.toml").write_text('[ada]\nstatus = "open"\n')
    gallery = open_gallery(tmp_path)
    return Gallery(templates=gallery.templates, languages=gallery.languages, props={"mail": Parcel})


def test_values_that_the_declared_type_does_not_allow_are_not_used(typed: Gallery) -> None:
    report = typed.branches("mail")

    assert report
    assert sorted(found(report)) == [
        "one of items",
        "several of items",
        "speed is fast",
        "status.value is lost",
        "with company",
    ]
    assert never(report) == {
        "mail.html:4 speed is supersonic": "No value that the type of speed allows leads here.",
        "mail.html:7 without note": "No value that the type of note allows leads here.",
    }
    assert all(isinstance(sample.values["status"], Status) for sample in report.samples)


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    explored(tmp_path, "{% if company %}a{% endif %}")
    gallery = open_gallery(tmp_path)

    assert (
        Gallery(templates=gallery.templates, languages=gallery.languages, finds_branches=False).branches("mail") is None
    )
