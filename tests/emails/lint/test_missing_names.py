"""A name that no sample has: told once, and the rest of its mail is checked all the same."""

from pathlib import Path

import pytest

from keyturn.emails.gallery.opening import open_gallery
from keyturn.emails.lint.examination import Examination, examine

MJML = """\
<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head><mj-body><mj-section><mj-column>
{}
<mj-text font-sise="16px">Boats</mj-text>
<mj-text><a href="orders/42">Your order of boats</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


def checked(folder: Path, body: str) -> Examination:
    (folder / "news.mjml").write_text(MJML.replace("{}", body))
    (folder / "news.samples.toml").write_text('[ada]\nname = "Ada"\nprices = [1.5]\n')
    return examine(open_gallery(folder))


def told(examination: Examination) -> dict[str, list[str]]:
    rules: dict[str, list[str]] = {}
    for found in examination.found:
        rules.setdefault(found.finding.rule, []).append(f"{found.finding.place}: {found.finding.message}")
    return rules


def test_a_missing_name_hides_no_other_finding(tmp_path: Path) -> None:
    rules = told(checked(tmp_path, "<mj-text>Dear {{ nmae }}</mj-text>"))

    assert rules["jinja/undefined"] == ["news.mjml:2:18: 'nmae' is undefined."]
    assert rules["mjml/unknown-attribute"][0].startswith("news.mjml:3:10")
    assert rules["links/relative"][0].startswith("news.mjml:4:")


def test_a_missing_name_of_an_object_is_told_with_the_name_of_the_object(tmp_path: Path) -> None:
    rules = told(checked(tmp_path, "{% set user = {'pet': {'name': 'Rex'}} %}<mj-text>{{ user.pet.nmae }}</mj-text>"))

    assert rules["jinja/undefined"] == ["news.mjml:2:63: 'user.pet' has no attribute 'nmae'."]


def test_an_object_is_not_named_if_another_on_its_line_may_be_meant(tmp_path: Path) -> None:
    data = "{% set user = {'name': 'Ada'} %}{% set firm = {'city': 'Ghent'} %}"
    rules = told(checked(tmp_path, f"{data}<mj-text>{{{{ user.name }}}} of {{{{ firm.name }}}}</mj-text>"))

    assert "'user' has no" not in rules["jinja/undefined"][0]
    assert "has no attribute 'name'" in rules["jinja/undefined"][0]


@pytest.mark.parametrize(
    "use",
    [
        "{{ nmae.first.letter }}",
        "{{ nmae|upper }}",
        "{{ '%d'|format(nmae) }}",
        "{{ '{:>3}'.format(nmae) }}",
        "{{ nmae * 2 + 1 }}",
        "{{ nmae|round(2) }}",
        "{{ nmae('x') }}",
        "{{ nmae['x'] }}",
        "{% if nmae > 3 %}many{% endif %}",
        "{{ prices|sum + nmae }}",
    ],
)
def test_whatever_is_done_with_it_the_rest_is_looked_at(tmp_path: Path, use: str) -> None:
    rules = told(checked(tmp_path, f"<mj-text>{use}</mj-text>"))

    assert [place.partition(": ")[0].rpartition(":")[0] for place in rules["jinja/undefined"]] == ["news.mjml:2"]
    assert "mjml/unknown-attribute" in rules


def test_in_a_loop_it_is_told_once(tmp_path: Path) -> None:
    rules = told(checked(tmp_path, "{% for one in [1, 2, 3] %}<mj-text>{{ nmae }}</mj-text>{% endfor %}"))

    assert len(rules["jinja/undefined"]) == 1


def test_a_macro_that_is_handed_it_is_not_where_it_is_missing(tmp_path: Path) -> None:
    macro = "{% macro hello(who) %}<mj-text>{{ who }}</mj-text>{% endmacro %}"
    rules = told(checked(tmp_path, f"{macro}\n\n{{{{ hello(nmae) }}}}"))

    assert rules["jinja/undefined"] == ["news.mjml:4:10: 'nmae' is undefined."]


def test_what_only_follows_from_it_is_not_told(tmp_path: Path) -> None:
    rules = told(
        checked(tmp_path, '<mj-image width="{{ width }}" src="{{ source }}" href="{{ source }}" alt="Boat" />')
    )

    assert len(rules["jinja/undefined"]) == 2
    assert not [one for ones in rules.values() for one in ones if "[[" in one]


def test_several_are_all_told_and_one_that_is_only_asked_for_is_none(tmp_path: Path) -> None:
    rules = told(checked(tmp_path, "<mj-text>{{ one }}\n{% if nobody %}x{% endif %}{{ two }}</mj-text>"))

    assert [said.rpartition(": ")[2] for said in rules["jinja/undefined"]] == [
        "'one' is undefined.",
        "'two' is undefined.",
    ]
