"""The public names of `keyturn`, and the cost of its import."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import keyturn

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).parents[2]


def test_every_public_name_is_there_and_they_are_sorted() -> None:
    assert keyturn.__all__ == sorted(keyturn.__all__)
    assert {name: getattr(keyturn, name).__name__ for name in keyturn.__all__} == {
        name: name for name in keyturn.__all__
    }


def test_the_import_alone_loads_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import keyturn; "
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert {name.partition(".")[0] for name in loaded.split()} - sys.stdlib_module_names == {
        "keyturn"
    }


def test_what_the_docs_import_is_covered_by_the_version_number() -> None:
    (row,) = re.findall(
        r"(?m)^\| Python names \|.*$", (CHECKOUT / "docs" / "operating.md").read_text("utf-8")
    )
    covered = set(re.findall(r"`(keyturn[\w.]*)`", row))
    pages = list((CHECKOUT / "docs").rglob("*.md"))
    imports = {
        found
        for page in pages
        for found in re.findall(
            r"(?m)^ *from (keyturn[\w.]*) import (\w+)", page.read_text("utf-8")
        )
    }
    outside = {
        (module, name)
        for module, name in imports
        if covered.isdisjoint({module, f"{module}.{name}"})
        and not module.startswith("keyturn.service.problems.")
    }

    assert [module for module in covered if not import_module(module)] == []
    assert {module for module, _ in imports} > {"keyturn", "keyturn.testing"}
    assert outside == set()
    listed = {"keyturn": keyturn, "keyturn.testing": import_module("keyturn.testing")}
    assert [
        (module, name)
        for module, name in imports
        if module in listed
        and name not in listed[module].__all__
        and f"{module}.{name}" not in covered
    ] == []
