"""The states in which pages are checked and shown: between them they reach whatever a template can say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, nodes
from msgspec.structs import replace
from tests.settings.test_brand import PNG, SVG

from keyturn.service.clock import now
from keyturn.service.pages import rendering
from keyturn.service.pages.preview import PagePreview
from keyturn.service.pages.preview.states import CHALLENGE_STATES, STATES, StateSample
from keyturn.service.pages.rendering import PACKAGED
from keyturn.service.pages.site import Site
from keyturn.service.reset.mails import theme
from keyturn.service.settings import Brand, FileOrUrl, Folder, PagesSettings, PasswordSettings, Settings

pytestmark = pytest.mark.long

Branch = tuple[str, int, int]
"""A template, the line of its if, and which of its branches."""


class Tracing(Environment):
    """Notes which branches are there, and which of them a page was drawn through."""

    there: set[Branch] = set()
    reached: set[Branch] = set()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"bytecode_cache": None})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = super()._parse(source, name, filename)
        if filename and Path(filename).parent == PACKAGED:
            for number, body in enumerate(branches(template)):
                branch = (Path(filename).name, body[0].lineno, number)
                self.there.add(branch)
                called = nodes.Call(nodes.EnvironmentAttribute("reach"), [nodes.Const(branch)], [], None, None)
                body.insert(0, nodes.ExprStmt(called).set_lineno(body[0].lineno))
            template.set_environment(self)
        return template

    def reach(self, branch: Branch) -> None:
        self.reached.add(branch)


def branches(template: nodes.Template) -> Iterator[list[nodes.Node]]:
    for condition in [*template.find_all(nodes.If)]:
        yield condition.body
        if condition.else_:
            yield condition.else_


def documented() -> dict[str, set[str]]:
    """Return the values of each template, as the table of docs/frontend.md names them."""
    text = (Path(__file__).parents[2] / "docs" / "frontend.md").read_text("utf-8")
    table = text.partition("| file | is | is given |\n|---|---|---|\n")[2].partition("\n\n")[0]
    found: dict[str, set[str]] = {}
    for row in table.splitlines():
        files, _, given = (cell.strip() for cell in row.strip("|").split("|"))
        values = {*re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)|where `reason` is `refused`", "", given))}
        found |= dict.fromkeys(re.findall(r"`([\w.]+)`", files), values)
    return found


def test_the_docs_name_every_template_and_what_it_is_given() -> None:
    told = documented()
    states = [*STATES, *CHALLENGE_STATES]
    parts = {name for name, values in told.items() if not values and name not in {one.template for one in states}}
    assert set(told) == {path.name for path in PACKAGED.iterdir()} - {"reference.html"}

    settings = Settings()
    site = Site(settings=settings, themes=theme.build(settings))
    given = {name: set[str]() for name in set(told) - parts - {"page.html"}}
    for state in states:
        given[state.template] |= state.values(StateSample(site, (), now())).keys() - {"site"}
    assert {name: values for name, values in told.items() if name in given} == given


def test_every_branch_of_every_page_is_drawn_in_some_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rendering, "Environment", Tracing)
    for name, content in (("logo.svg", SVG), ("dark.png", PNG), ("own.css", b"")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "pages").mkdir()
    brand = Brand(
        support_address="help@northwind.example",
        logo=FileOrUrl(tmp_path / "logo.svg"),
        logo_dark=FileOrUrl(tmp_path / "dark.png"),
        stylesheet=Folder(tmp_path / "own.css"),
    )
    password = PasswordSettings(require=("uppercase",))
    for settings in (Settings(), Settings(brand=brand, password=password)):
        pages = PagesSettings(templates=Folder(tmp_path / "pages"))
        assert PagePreview(replace(settings, pages=pages)).faults() == []

    assert len({name for name, _, _ in Tracing.there}) > 10
    assert sorted(Tracing.there - Tracing.reached) == []
