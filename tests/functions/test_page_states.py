"""The states in which pages are checked and shown, and the docs of their values."""

import re
import tomllib
from pathlib import Path

import pytest

from keyturn.service.pages.rendering import PACKAGED

pytestmark = pytest.mark.long


def documented() -> dict[str, set[str]]:
    """Return the values of each template, as the table of docs/frontend.md names them."""
    text = (Path(__file__).parents[2] / "docs" / "frontend.md").read_text("utf-8")
    table = text.partition("| file | is | is given |\n|---|---|---|\n")[2].partition("\n\n")[0]
    found: dict[str, set[str]] = {}
    for row in table.splitlines():
        files, _, given = (cell.strip() for cell in row.strip("|").split("|"))
        values = {*re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", given))}
        found |= dict.fromkeys(re.findall(r"`([\w.]+)`", files), values)
    return found


def test_the_docs_name_every_template_and_its_values() -> None:
    told = documented()
    assert set(told) == {path.name for path in PACKAGED.iterdir()} - {"reference.html"}

    file = tomllib.loads(PACKAGED.with_name("preview.toml").read_text("utf-8"))
    shown = {state["template"]: set(file["defaults"].get(state["template"], ())) for state in file["states"].values()}
    for state in file["states"].values():
        shown[state["template"]] |= state.keys() - {"label", "template", "site"}
    shown["reset.html"] |= {"account", "rules", "until"}  # Keyturn adds these
    shown["refusal.html"] |= {"back"}
    assert {name: told[name] for name in shown} == shown
