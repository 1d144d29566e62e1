"""docs/flow.md walks through the story: its names and its diagram are those of the tree."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "src" / "keyturn"
PAGE = (CHECKOUT / "docs" / "flow.md").read_text("utf-8")
STORY = ("request.py", "answer.py", "check.py", "complete.py", "confirm.py")
PORTS = ("before_request", "before_change", "in_mail", "ends_access", "after_change")


def test_the_files_and_folders_that_it_names_are_there() -> None:
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", PAGE)

    assert {f"reset/{name}" for name in STORY} <= set(named)
    assert [name for name in named if not (PACKAGE / name).exists() and not (CHECKOUT / name).exists()] == []


def test_the_classes_types_and_ports_that_it_names_are_in_the_package() -> None:
    source = "\n".join(
        file.read_text("utf-8") for room in ("reset", "problems") for file in (PACKAGE / room).rglob("*.py")
    )
    named = set(re.findall(r"`([A-Z]\w+)(?:\.\w+)?`", PAGE)) - {"UPDATE"}

    assert len(named) > 5
    assert [name for name in named if not re.search(rf"^(class {name}\b|{name} = )", source, re.MULTILINE)] == []
    assert [port for port in PORTS if f"`{port}`" not in PAGE or not re.search(rf"\b{port}: Sequence\[", source)] == []


def test_the_diagram_is_drawn_from_its_text() -> None:
    spec = importlib.util.spec_from_file_location("flow", CHECKOUT / "docs" / "flow.py")
    assert spec
    assert spec.loader
    flow = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(flow)
    source = flow.SOURCE.read_text("utf-8")
    columns = next(line for line in source.splitlines() if line.startswith("columns: "))

    assert flow.DRAWN.read_text("utf-8") == flow.draw(source), "run `python docs/flow.py`"
    assert set(STORY) <= set(columns.removeprefix("columns: ").split(", "))
    assert "prefers-color-scheme: dark" in flow.DRAWN.read_text("utf-8")


@pytest.mark.parametrize("name", STORY)
def test_the_classes_of_a_file_of_the_story_take_at_most_six_parts_and_none_that_may_be_missing(name: str) -> None:
    tree = ast.parse((PACKAGE / "reset" / name).read_text("utf-8"))
    made = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__"]

    assert made
    for constructor in made:
        arguments = constructor.args
        parts = [*arguments.args[1:], *arguments.kwonlyargs]
        assert len(parts) <= 6, constructor.lineno
        assert arguments.defaults == []
        assert [default for default in arguments.kw_defaults if default] == []
        assert [part.arg for part in parts if part.annotation and "None" in ast.unparse(part.annotation)] == []
