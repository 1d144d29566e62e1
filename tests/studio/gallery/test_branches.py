"""The branches of a mail that its samples leave out are rendered in a few passes."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.branches.exploration import Passes
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


def explored(folder: Path, template: str, samples: str = SAMPLE, **files: str) -> Passes:
    (folder / "_parts").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "_parts" / f"{name}.html").write_text(text)
    (folder / "mail.html").write_text(f"<html>{template}</html>")
    if samples:
        (folder / "mail.samples.toml").write_text(samples)
    passes = open_gallery(folder, sandboxed=True).branches("mail")
    assert passes
    return passes


def names(passes: Passes) -> list[str]:
    return [sample.name.removeprefix("branch: ") for sample in passes.samples]


def added(passes: Passes) -> list[list[str]]:
    """Return the first lines that each pass adds."""
    return [[f"{lines.file}:{lines.first}" for lines in sample.adds] for sample in passes.samples]


CONDITIONS = [
    *(
        "not company",
        "status == 'cancelled'",
        "status != 'open' and total > 100",
        "refund",
        "company is none",
    ),
    *(
        "items|length > 5",
        "items[1].gift",
        "order.address.country == 'BE'",
        "order.get('note')",
        "not items",
    ),
    *(
        "order.number.startswith('X')",
        "placed.year >= 2030",
        "total < 0 or total > 99",
        "total is divisibleby 7",
    ),
    *(
        "(total / 2)|round is even and company|upper == 'X'",
        "items|selectattr('gift')|list",
        "is_urgent",
    ),
]


@pytest.mark.parametrize("test", CONDITIONS)
def test_a_condition_is_taken_whatever_it_asks(tmp_path: Path, test: str) -> None:
    assert names(explored(tmp_path, f"{{% if {test} %}}\nyes\n{{% endif %}}")) == ["mail.html:2"]


def rendered(folder: Path, sample: Sample) -> str:
    gallery = open_gallery(folder)
    templates = gallery.sample_templates()(gallery.sample("mail", sample.name))
    return templates.render_values("mail", sample.values, gallery.languages.choose("")).html


def test_a_pass_renders_as_many_branches_as_it_can(tmp_path: Path) -> None:
    template = """{% if status == 'open' %}a{% elif status == 'lost' %}b\
{% elif total > 90 %}c{% else %}d{% endif %}
{{ "x" if company == "Other" else "y" }}"""
    report = explored(tmp_path, template)
    assert [rendered(tmp_path, sample)[6:9] for sample in report.samples] == [
        "b\nx",
        "d\ny",
        "c\ny",
    ]
    assert names(report) == ["mail.html:1 and 1 more", "mail.html:1", "mail.html:1 (2)"]


@pytest.mark.parametrize(
    ("template", "samples", "shown"),
    [
        (
            "{% for one in items if one.stock %}{{ one.name }}{% else %}none{% endfor %}",
            SAMPLE,
            ["none"],
        ),
        ("{% if company %}{{ company }}{% else %}nobody{% endif %}", "", ["nobody"]),
        (
            "{% if note is none %}{{ note }}{% endif %}",
            SAMPLE + "note = 'x'",
            ["x"],
        ),  # values of the sample stay
        (
            "{% if status == 'cancelled' %}{{ nothing }}{% endif %}!",
            SAMPLE,
            ["nothing!"],
        ),  # a missing name is made up
        ("{{ 'a' if status == 'open' else ('b' if is_urgent else 'c') }}", SAMPLE, ["b", "c"]),
        (
            (
                "{% if vip %}1{% if not vip %}2{% endif %}{% endif %}"
                "{% if not vip %}3{% else %}4{% endif %}"
            ),
            SAMPLE,
            ["14"],
        ),
        (
            "{% if total > 10 and total < 5 %}\n{% endif %}x",
            SAMPLE,
            [],
        ),  # an empty branch is not forced
    ],
)
def test_what_a_pass_shows(tmp_path: Path, template: str, samples: str, shown: list[str]) -> None:
    report = explored(tmp_path, template, samples)
    assert [
        rendered(tmp_path, sample).removeprefix("<html>").removesuffix("</html>")
        for sample in report.samples
    ] == shown


def test_branches_are_followed_into_layouts_includes_and_macros(tmp_path: Path) -> None:
    template = """{% extends "_parts/base.html" %}{% import "_parts/ui.html" as ui %}
{% block content %}{% include "_parts/foot.html" %}\
{{ ui.button(note=hint) }}{{ ui.button() }}{% endblock %}"""
    report = explored(
        tmp_path,
        template,
        base="{% if banner %}B{% endif %}{% block content %}{% if nobody_sees %}x{% endif %}{% "
        "endblock %}",
        foot="{% if unsubscribe_url %}U{% endif %}",
        ui="{% macro button(kind='solid', note=none) %}{% if kind == 'ghost' %}g{% endif %}"
        "{% if note %}n{% endif %}{% endmacro %}{% macro other() %}{% if x %}{% endif %}{% "
        "endmacro %}",
    )

    assert {lines.file for sample in report.samples for lines in sample.adds} == {
        "_parts/base.html",
        "_parts/foot.html",
    }


def test_names_that_a_set_decides_are_followed(tmp_path: Path) -> None:
    template = """{% set big = total > 100 %}{% if big %}thanks{% endif %}
{% set ns = namespace(gift=false) %}
{% for one in items %}{% if one.gift %}{% set ns.gift = true %}{% endif %}{% endfor %}
{% if ns.gift %}gift{% endif %}
{% if company == 'X' %}{% set tone = 'cold' %}{% else %}{% set tone = 'warm' %}{% endif %}
{% if tone == 'cold' %}brr{% endif %}"""
    assert added(explored(tmp_path, template)) == [
        [f"mail.html:{line}" for line in (1, 3, 4, 5, 6)]
    ]


@pytest.mark.long
def test_many_branches_and_a_macro_that_calls_itself_come_to_an_end(tmp_path: Path) -> None:
    questions = "".join(f"{{% elif v == '{nth}' %}}\n{nth}\n" for nth in range(60))
    assert len(explored(tmp_path, f"{{% if v == 'x' %}}\nx\n{questions}{{% endif %}}").samples) == 8
    macro = (
        "{% macro tree(x) %}{% if x.a %}{{ tree(x.a) }}{{ tree(x.b) }}{{ tree(x.c) }}{% endif "
        "%}{% endmacro %}"
    )
    assert explored(tmp_path, macro + "{{ tree(root) }}").samples == ()


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


def test_the_values_of_a_pass_fit_the_declared_type(tmp_path: Path) -> None:
    (tmp_path / "mail.html").write_text("""<html>{% if status.value == "lost" %}lost{% endif %}
{% if speed == "fast" %}fast{% endif %}{% if speed == "supersonic" %}
boom
{% endif %}{% if not note %}
silent
{% endif %}
{% if company %}{{ company }}{% endif %}{% for one in items %}{{ one }}{% endfor %}</html>""")
    (tmp_path / "mail.samples.toml").write_text('[ada]\nstatus = "open"\n')
    gallery = open_gallery(tmp_path)
    report = Gallery(
        templates=gallery.templates, languages=gallery.languages, props={"mail": Parcel}
    ).branches("mail")
    assert report
    assert [msgspec.convert(sample.values, Parcel) for sample in report.samples]
    assert all(isinstance(sample.values["status"], Status) for sample in report.samples)
