"""The room rule: few files outside a capability import it or read its settings, and never more than pyproject says."""

import ast
import re
from pathlib import Path

import pytest
from tests.house.weight import CHECKOUT, files_of, pyproject

ROOMS = pyproject()["rooms"]


def module(file: Path) -> str:
    return ".".join(file.relative_to(CHECKOUT / "src").with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> set[str]:
    """Return the modules that a file imports, in functions too, and the names that it takes from them."""
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    whole = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return whole.union(*({f"{node.module}", *(f"{node.module}.{name.name}" for name in node.names)} for node in froms))


def users_of(room: str) -> list[Path]:
    """Return the files outside a room that import it or read its section of the settings."""
    files = [file for place in ROOMS[room]["files"] for file in files_of(f"src/keyturn/{place}", ".py")]
    modules, reads = set(map(module, files)), re.compile(rf"settings\.(?:\w+\.)?{ROOMS[room]['reads']}\b")
    others = [file for file in files_of("src/keyturn", ".py") if file not in files]
    return [one for one in others if modules & imports(one) or reads.search(one.read_text("utf-8"))]


@pytest.mark.parametrize("room", ROOMS)
def test_few_files_outside_a_room_know_it(room: str) -> None:
    users, at_most = [str(file.relative_to(CHECKOUT)) for file in users_of(room)], ROOMS[room]["at_most"]

    assert len(users) <= at_most, f"{room} is used by {users}"
    assert len(users) > at_most - 2, f"only {len(users)} files use {room}: lower its number in pyproject.toml"
