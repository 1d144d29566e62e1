"""The weight of each room of the repository, and the table of budgets (`just weight`).

The numbers of `[tool.keyturn.weight]` in pyproject.toml go down only: `just weight --lower` writes today's figures
where they are below the numbers.
"""

import ast
import importlib
import io
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
PYPROJECT = CHECKOUT / "pyproject.toml"
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
NOT_WEIGHED = {".po", ".pot", ".png", ".svg", ".ico", ".woff2"}
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "AGENTS.md")


def pyproject() -> dict[str, dict[str, Any]]:
    """Return the tables below `[tool.keyturn]`: `weight` and `rooms`."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["keyturn"]
    return tables


def files_of(room: str) -> list[Path]:
    """Return the tracked files of a room: a folder with all below it, a file, or the files that `FOLDER/*` names."""
    pattern = f":(glob){room}" if "*" in room else room
    listed = subprocess.run(
        ["git", "ls-files", "-z", pattern], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return [CHECKOUT / name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


def python(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if file.suffix == ".py"]


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
    """Return the lines of code of a room, and the kilobytes of all its files but catalogues and pictures."""
    files = files_of(room)
    size = sum(file.stat().st_size for file in files if file.suffix not in NOT_WEIGHED)
    return sum(map(lines_of_code, python(files))), -(-size // 1000)


def too_generous(number: int, today: int) -> bool:
    return number > today * 21 / 20 + 2


def lower() -> None:
    """Write today's figures into pyproject.toml where they are below the numbers, and leave out rooms without files."""
    text = PYPROJECT.read_text("utf-8")
    for room, numbers in pyproject()["weight"].items():
        now = [min(pair) for pair in zip(weight(room), numbers, strict=True)]
        text = text.replace(f'"{room}" = {numbers}\n', f'"{room}" = {now}\n' if files_of(room) else "")
    PYPROJECT.write_text(text, "utf-8")


def count(files: Iterable[Path]) -> int:
    return sum(file.read_text("utf-8").count("\n") for file in files)


def budgets() -> dict[str, int]:
    """Return today's figure of each budget."""
    of = {name: python(files_of(f"src/keyturn/{name}")) for name in ("", "emails", "cli/emails", "mail", "languages")}
    lines = {name: count(files) for name, files in of.items()}
    studio, mail = lines["emails"] + lines["cli/emails"], lines["mail"] + lines["languages"]
    interface = [files_of(folder) for folder in ("preview", "frontend", "src/keyturn/pages/templates")]
    snapshots = [file for file in files_of("tests") if "snapshots" in file.parts and file.suffix != ".py"]
    handwritten = [CHECKOUT / name for name in PAGES if (CHECKOUT / name).is_file()]
    handwritten += [file for file in files_of("docs") if file.suffix == ".md"]
    settings = importlib.import_module("keyturn.settings.reading").setting_names()
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    return {
        "src/keyturn, lines": lines[""],
        "src/keyturn, code": sum(map(lines_of_code, of[""])),
        "service, lines": lines[""] - studio - mail,
        "studio, lines": studio,
        "mail, lines": mail,
        "preview/, frontend/, templates of pages, lines": count(
            file for files in interface for file in files if file.suffix not in NOT_WEIGHED
        ),
        "tests, lines": count(python(files_of("tests"))),
        "snapshots, kB": sum(file.stat().st_size for file in snapshots) // 1000,
        "benchmarks, lines": count(python(files_of("benchmarks"))),
        "docs, words": sum(len(file.read_text("utf-8").split()) for file in handwritten),
        "settings": len(list(settings)),
        "core dependencies": len(project["dependencies"]),
        "tables": sum(file.read_text("utf-8").count("__tablename__ =") for file in of[""]),
    }


def main() -> None:
    if "--lower" in sys.argv:
        lower()
    rooms = importlib.import_module("tests.house.test_rooms")
    for name, figure in budgets().items():
        print(f"{name:<48}{figure:>9,}")  # noqa: T201  the table is this command's output
    for room, (code, kilobytes) in pyproject()["weight"].items():
        print(f"{room:<48}{code:>9,} lines of code{kilobytes:>7,} kB")  # noqa: T201
    for room in pyproject()["rooms"]:
        print(f"{room:<48}{len(rooms.users_of(room)):>9,} files outside use it")  # noqa: T201


if __name__ == "__main__":
    main()
