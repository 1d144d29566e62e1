"""The weight of each room of the repository, its users, and the table of budgets (`just weight`).

The numbers of `[tool.keyturn.weight]` in pyproject.toml go down only: `just weight --lower` writes today's figures
where they are below the numbers.
"""

import ast
import importlib
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.house.reference import by_hand

CHECKOUT = Path(__file__).parents[2]
PYPROJECT = CHECKOUT / "pyproject.toml"
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
NOT_WEIGHED = (".po", ".pot", ".png", ".svg", ".ico", ".woff2", "PROMISES.md")
_PRODUCTS = ("studio", "cli/studio", "mail", "probe", "cli/probe.py")
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "AGENTS.md", "docs")


def pyproject() -> dict[str, dict[str, Any]]:
    """Return the tables below `[tool.keyturn]`: `weight` and `rooms`."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["keyturn"]
    return tables


def files_of(room: str, ending: str = "") -> list[Path]:
    """Return the tracked files of a room: a folder with all below it, a file, or the files that `FOLDER/*` names."""
    command = ["git", "ls-files", "-z", f":(glob){room}" if "*" in room else room]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [CHECKOUT / name for name in listed if name.endswith(ending) and (CHECKOUT / name).is_file()]


def lines_of_code(file: Path) -> int:
    """Count the lines that have code: without blank lines, comments and docstrings."""
    source = file.read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {line for one in tokens if one.type not in NO_CODE for line in range(one.start[0], one.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):  # a string that stands alone is a docstring, of an attribute too
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def weight(room: str) -> tuple[int, int]:
    """Return the lines of code of a room, and the kilobytes of all its files but `NOT_WEIGHED`."""
    size = sum(file.stat().st_size for file in files_of(room) if not file.name.endswith(NOT_WEIGHED))
    return sum(map(lines_of_code, files_of(room, ".py"))), -(-size // 1000)


def module(file: Path) -> str:
    return ".".join(file.relative_to(CHECKOUT / "src").with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> set[str]:
    """Return the modules that a file imports, in functions too, and the names that it takes from them."""
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    whole = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return whole.union(*({f"{node.module}", *(f"{node.module}.{name.name}" for name in node.names)} for node in froms))


def users_of(room: Mapping[str, Any]) -> list[str]:
    """Return the files outside a room that import it or read its section of the settings."""
    files = [file for place in room["files"] for file in files_of(f"src/keyturn/{place}", ".py")]
    modules, reads = set(map(module, files)), re.compile(rf"settings\.(?:\w+\.)?{room['reads']}\b")
    others = [file for file in files_of("src/keyturn", ".py") if file not in files]
    users = [one for one in others if modules & imports(one) or reads.search(one.read_text("utf-8"))]
    return [str(file.relative_to(CHECKOUT)) for file in users]


def lower() -> None:
    """Write today's figures into pyproject.toml where they are below the numbers, and leave out rooms without files."""
    text = PYPROJECT.read_text("utf-8")
    for room, numbers in pyproject()["weight"].items():
        now = [min(pair) for pair in zip(weight(room), numbers, strict=True)]
        text = text.replace(f'"{room}" = {numbers}\n', f'"{room}" = {now}\n' if files_of(room) else "")
    PYPROJECT.write_text(text, "utf-8")


def lines(files: Iterable[Path]) -> int:
    return sum(file.read_text("utf-8").count("\n") for file in files)


def budgets() -> dict[str, int]:
    """Return today's figure of each budget."""
    of = {name: files_of(f"src/keyturn/{name}", ".py") for name in ("", *_PRODUCTS)}
    studio, mail = lines(of["studio"] + of["cli/studio"]), lines(of["mail"])
    probe = lines(of["probe"] + of["cli/probe.py"])
    interface = [
        file for folder in ("preview", "frontend", "src/keyturn/service/pages/templates") for file in files_of(folder)
    ]
    snapshots = [file for file in files_of("tests") if "snapshots" in file.parts and file.suffix != ".py"]
    return {
        "src/keyturn, lines": lines(of[""]),
        "src/keyturn, code": sum(map(lines_of_code, of[""])),
        "service, lines": lines(of[""]) - studio - mail - probe,
        "studio, lines": studio,
        "probe, lines": probe,
        "mail, lines": mail,
        "preview/, frontend/, templates of pages, lines": lines(
            file for file in interface if not file.name.endswith(NOT_WEIGHED)
        ),
        "tests, lines": lines(files_of("tests", ".py")),
        "snapshots, kB": sum(file.stat().st_size for file in snapshots) // 1000,
        "benchmarks, lines": lines(files_of("benchmarks", ".py")),
        "docs, words": sum(
            len(by_hand(file.read_text("utf-8")).split()) for pages in PAGES for file in files_of(pages, ".md")
        ),
        "settings": len(list(importlib.import_module("keyturn.service.settings.reading").setting_names())),
        "core dependencies": len(tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["dependencies"]),
        "tables": sum(file.read_text("utf-8").count("__tablename__ =") for file in of[""]),
    }


def main() -> None:
    if "--lower" in sys.argv:
        lower()
    rows = list(budgets().items())
    for room in pyproject()["weight"]:
        rows += zip((f"{room}, lines of code", f"{room}, kB"), weight(room), strict=True)
    rows += [(f"{name}, files outside that use it", len(users_of(room))) for name, room in pyproject()["rooms"].items()]
    for name, figure in rows:
        print(f"{name:<60}{figure:>9,}")  # noqa: T201  the table is this command's output


if __name__ == "__main__":
    main()
