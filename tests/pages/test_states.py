"""The states in which pages are checked and shown: between them they reach whatever a template can say."""

import re
from pathlib import Path

import pytest

from keyturn.service.clock import now
from keyturn.service.pages.preview.states import CHALLENGE_STATES, STATES, StateSample
from keyturn.service.pages.rendering import PACKAGED
from keyturn.service.pages.site import Site
from keyturn.service.reset.mails import theme
from keyturn.service.settings import Settings

pytestmark = pytest.mark.long


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
