"""Templates of an untrusted folder reach nothing outside it, and their rendering ends."""

from itertools import count
from pathlib import Path

import pytest
from tests.studio.folders import FOLDERS

from keyturn.errors import TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.gallery_checks import check_gallery
from keyturn.studio.lint.source.origins import with_origins

SUBCLASSES = "''.__class__.__mro__[1].__subclasses__()"
PYTHON = {
    "attributes": f"{{{{ {SUBCLASSES} }}}}",
    "a filter for attributes": "{{ ''|attr('__class__')|attr('__mro__') }}",
    "attributes by a map": "{{ ['']|map(attribute='__class__')|list }}",
    "a function's globals": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "what is undefined": "{{ nobody._undefined_obj }}{{ nobody.__init__.__globals__ }}",
    "formatting": "{{ '{0.__class__.__mro__}'.format('') }}",
    "formatting by a table": "{{ '{x.__class__}'.format_map({'x': ''}) }}",
    "a list that others have": "{% set _ = shop.names.append('Eve') %}",
}
OF_JINJA = {
    "by a macro": "{% macro m() %}{% endmacro %}{% set jinja = m.unescaped.environment %}",
    "by a private attribute": "{% macro m() %}{% endmacro %}{% set jinja = m._environment %}",
    "by a file that is included": "{% set jinja = _included.environment %}",
    "by its own template": "{% set jinja = self._TemplateReference__context.environment %}",
}
"""Ways in which a template may reach the environment of Jinja that renders it."""
DOUBLING = "{{% set n = namespace(s='x' * 999) %}}{{% for a in range(60) %}}{}{{% endfor %}}"
ENDLESS = {
    "loops in loops": (
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
    ),
    "loops over texts": (
        "{% set s = 'x' * 100000 %}{% for a in s %}{% for b in s %}{% endfor %}{% endfor %}"
    ),
    "a loop that calls itself": "{% for a in [1, 1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
    "macros": (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
        "{{ m(200) }}"
    ),
    "includes": "{% include '_twice0.txt' %}",
    "a long range": "{% for a in range(10 ** 9) %}{% endfor %}",
    "a power": "{{ 10 ** (10 ** 10) }}",
    "a power of a round": "{{ 1.5|round(1000000000, 'ceil') }}",
    "a text many times": "{{ 'x' * 10 ** 10 }}",
    "a list many times": "{{ ([1] * 10 ** 10)|length }}",
    "a text that doubles": DOUBLING.format("{% set n.s = n.s ~ n.s %}"),
    "a sum that doubles": DOUBLING.format("{% set n.s = n.s + n.s %}"),
    "a join that doubles": DOUBLING.format("{% set n.s = [n.s, n.s]|join %}"),
    "a capture that doubles": DOUBLING.format(
        "{% set t %}{{ n.s }}{{ n.s }}{% endset %}{% set n.s = t %}"
    ),
    "a wide format": "{{ '%1000000000d' % 1 }}",
    "a wide format by a filter": "{{ '%*d'|format(1000000000, 1) }}",
    "a wide format by a method": "{{ '{:{w}}'.format(1, w=1000000000) }}",
    "padding": "{{ 'x'.ljust(10 ** 18) }}",
    "padding of what is safe": "{{ ('x'|safe).ljust(10 ** 18) }}",
    "centring": "{{ 'x'|center(1000000000) }}",
    "filling text": "{{ lipsum(1000000000) }}",
    "much that is printed": (
        "{% set s = 'x' * 999999 %}{% for a in range(100000) %}{{ s }}{% endfor %}"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "emails").mkdir()
    for number in range(60):
        include = f"{{% include '_twice{number + 1}.txt' %}}"
        (tmp_path / "emails" / f"_twice{number}.txt").write_text(include * 2)
    (tmp_path / "emails" / "_twice60.txt").touch()
    return tmp_path / "emails"


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the sandbox a limit of 0.05 seconds, and a clock that moves by a millisecond with each
    look at it.
    """
    monkeypatch.setattr("keyturn.studio.gallery.sandbox.LONGEST", 0.05)
    ticks = count()
    for clock in ("monotonic", "thread_time"):
        monkeypatch.setattr(f"keyturn.studio.gallery.sandbox.{clock}", lambda: next(ticks) / 1000)


def opened(folder: Path, template: str) -> Gallery:
    (folder / "a.html").write_text(f"<html>{template}")
    return open_gallery(folder, sandboxed=True)


@pytest.mark.parametrize("attempt", PYTHON)
@pytest.mark.parametrize("traced", [True, False])
def test_a_template_reaches_no_more_than_it_is_given(
    folder: Path, attempt: str, traced: bool
) -> None:
    gallery = opened(folder, PYTHON[attempt])
    names = ["Ada"]
    with pytest.raises(TemplateInvalid, match=r"unsafe|undefined"):
        fill(gallery, traced=traced, shop={"names": names})
    assert names == ["Ada"]


@pytest.mark.parametrize("way", OF_JINJA)
def test_no_check_runs_a_template_outside_the_sandbox(folder: Path, way: str) -> None:
    """A template that reaches Jinja's environment cannot make one without a sandbox."""
    marker = folder.parent / "outside"
    call = f"{{{{ cycler.__init__.__globals__.os.mkdir('{marker}') }}}}"
    attempt = f"jinja.template_class.environment_class().from_string({call!r}).render()"
    (folder / "_part.html").write_text(f"{OF_JINJA[way]}{{{{ {attempt} }}}}")
    check_gallery(opened(folder, "{% include '_part.html' %}"))
    assert not marker.exists()


@pytest.mark.parametrize("attempt", ENDLESS)
@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.usefixtures("ticking")
@pytest.mark.long
def test_what_would_not_end_ends(folder: Path, attempt: str, traced: bool) -> None:
    gallery = opened(folder, ENDLESS[attempt])
    with pytest.raises(
        TemplateInvalid,
        match=r"longer than|more than|further than|limited to|must be a number up "
        r"to|RecursionError",
    ):
        fill(gallery, traced=traced)


def fill(gallery: Gallery, *, traced: bool, **values: object) -> str:
    templates = gallery.templates.with_files(gallery.files)
    templates = templates.with_preparation(with_origins) if traced else templates
    return templates.fill("a", values, gallery.languages.choose("en")).markup


def test_a_finding_says_what_to_do_about_it(folder: Path) -> None:
    (found,) = check_gallery(opened(folder, PYTHON["attributes"])).with_rules(["jinja"]).found
    assert found.rule == "jinja/sandbox"
    assert "'__class__'" in found.message
    assert "--trust" in found.fix


@pytest.mark.parametrize(
    "team", sorted(folder.name for folder in FOLDERS.iterdir() if folder.is_dir())
)
@pytest.mark.long
def test_what_teams_write_is_rendered_as_it_is_outside_the_sandbox(team: str) -> None:
    outside, inside = (
        open_gallery(FOLDERS / team, sandboxed=sandboxed) for sandboxed in (False, True)
    )
    assert check_gallery(inside) == check_gallery(outside)


def test_text_is_made_as_outside_the_sandbox(folder: Path) -> None:
    ordinary = (
        "{% for a in [3, 1]|sort %}{{ loop.index }}/{{ loop.length }} {{ a ~ 'x' }}{% else "
        "%}none{% endfor %}"
        "{% for a in tree recursive %}{{ a.name }}{{ loop(a.children) }}{% endfor %}"
        "{{ '© 2026 %s %05.2f'|format('Ada', 2.5) }} {{ '{:>5} {}'.format(1, 1500000) }} {{ "
        "1500000|round }}"
        "{{ 'ab'.center(6) }} {{ 2 ** 10 }} {{ 'a' * 3 }} {{ [1] + [2] }} {{ "
        "dict(a=1).items()|list }}"
    )
    leaf: dict[str, object] = {"name": "b", "children": []}
    values = {"tree": [{"name": "a", "children": [leaf]}]}
    inside, outside = opened(folder, ordinary), open_gallery(folder)
    assert fill(inside, traced=False, **values) == fill(outside, traced=False, **values)
    assert fill(inside, traced=True, **values) == fill(outside, traced=True, **values)
