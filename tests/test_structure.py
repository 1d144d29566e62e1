"""How the tests are built, as CONTRIBUTING.md describes it, and that it names what is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CHECKOUT = TESTS.parent
ROOMS = ("src", "tests", "docs", "benchmarks", "migrations", "email_templates", "examples")
FILES = [file for file in sorted(TESTS.rglob("*.py")) if "apps" not in file.parts]


def names_of(file: Path) -> str:
    return str(file.relative_to(TESTS))


def fixtures_in(file: Path) -> Iterator[str]:
    """Yield the names of the fixtures that the top level of a file defines."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, functions) and any("fixture" in ast.unparse(one) for one in node.decorator_list):
            yield node.name


@pytest.mark.long
def test_the_fixtures_of_all_tests_are_defined_once() -> None:
    shared = {"service", "browser", "database_url", "sqlite", "postgresql", "mariadb"}
    defined = [(names_of(file), name) for file in FILES for name in fixtures_in(file) if name in shared]
    assert sorted(defined) == sorted(("conftest.py", name) for name in shared)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"^(from|import) tests\.([\w.]+\.)?conftest", id="imports a conftest"),
        pytest.param(r"setattr\((\"litestar\b|litestar\.)|patch.*ParsedSignature", id="patches Litestar"),
    ],
)
def test_no_test(pattern: str) -> None:
    found = [names_of(file) for file in FILES if re.search(pattern, file.read_text("utf-8"), re.MULTILINE)]
    assert [file for file in found if file != "test_structure.py"] == []


def test_the_files_that_contributing_and_architecture_name_are_there() -> None:
    files = [str(file.relative_to(CHECKOUT)) for room in ROOMS for file in (CHECKOUT / room).rglob("*")]
    named = {
        name
        for page in ("ARCHITECTURE.md", "CONTRIBUTING.md")
        for name in re.findall(r"`([a-z_]+(?:/[a-z_]+)+\.(?:py|toml|sql))`", (CHECKOUT / page).read_text("utf-8"))
        if "brevo" not in name  # the example of a provider to add
    }

    assert len(named) > 30
    assert [name for name in sorted(named) if not any(f"/{file}".endswith(f"/{name}") for file in files)] == []
