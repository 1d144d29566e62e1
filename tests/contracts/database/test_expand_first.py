"""Migrations expand first: processes of the version before work on while the database is at this one's revision."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn.packaging import folder

ADDITIONS = {"create_table", "create_index"}


def migrations() -> list[Path]:
    return sorted((folder("migrations") / "versions").glob("[0-9]*.py"))


@pytest.mark.parametrize("file", migrations(), ids=lambda file: file.stem)
def test_a_migration_only_adds(file: Path) -> None:
    """What takes away or changes its meaning says `CONTRACTS = "..."`: since which release nothing uses it any more."""
    module = ast.parse(file.read_text())
    contracts = any(
        isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CONTRACTS" for node in module.body
    )
    if not contracts:
        assert list(what_breaks_older_processes(module)) == []


def what_breaks_older_processes(module: ast.Module) -> Iterator[str]:
    """Yield each call of Alembic's in `upgrade` that is no plain addition, as it is written."""
    upgrade = next(node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    for call in ast.walk(upgrade):
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("op.") and not _adds(call):
            yield ast.unparse(call)


def _adds(call: ast.Call) -> bool:
    named = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    match ast.unparse(call.func).removeprefix("op."):
        case "add_column":
            column = call.args[1]
            said = {keyword.arg: ast.unparse(keyword.value) for keyword in getattr(column, "keywords", [])}
            return said.get("nullable") == "True" or "server_default" in said
        case "execute":  # where PostgreSQL puts rows is nothing that a process sees
            return ast.unparse(call.args[0]).endswith(" SET (fillfactor = 50)'")
        case name:
            return name in ADDITIONS and named.get("unique") != "True"


@pytest.mark.parametrize(
    "step",
    [
        "op.add_column('links', sa.Column('tries', sa.Integer, nullable=False))",
        "op.create_index('ix_links', 'links', ['tries'], unique=True)",
        "op.execute('DELETE FROM links')",
    ],
)
def test_a_step_that_breaks_older_processes_is_refused(step: str) -> None:
    assert [*what_breaks_older_processes(ast.parse(f"def upgrade():\n    {step}"))] == [step]
