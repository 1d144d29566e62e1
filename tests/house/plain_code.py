"""Counts how much a reader of the code has to hold at once, on its syntax tree: `just weight`.

A formatter changes none of these figures except the wide lines. Not counted are docstrings,
annotations, and whether a name is read or written. A literal of constants alone is one node, since
a table is read row by row.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from tests.house.checkout import CHECKOUT

SOURCE = CHECKOUT / "src" / "keyturn"
MOST_DECISIONS = 10
WIDEST = 100

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
BRANCHES = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case,
)  # fmt: skip


@dataclass(slots=True)
class Figures:
    """The counts of some files.

    `nodes`: nodes of the syntax tree.
    `tuple_assignments`: statements such as `a, b = x, y`, which assign several things at once.
    `branching`: functions with more than `MOST_DECISIONS` decisions, as `FILE:FUNCTION`; a function
        within another counts to the outer one.
    `wide_lines`: lines over `WIDEST` columns.
    """

    nodes: int = 0
    statements: int = 0
    comprehensions: int = 0
    with_two_for: int = 0
    conditional_expressions: int = 0
    tuple_assignments: int = 0
    lambdas: int = 0
    walruses: int = 0
    branching: list[str] = field(default_factory=list)
    wide_lines: int = 0

    def add(self, source: str, name: str) -> None:
        """Count a file. `name` is what `branching` calls it."""
        tree = ast.parse(source)
        for node in _counted_nodes(tree):
            self._add_node(node)
        for function in _outer_functions(tree):
            if decisions_of(function) > MOST_DECISIONS:
                self.branching.append(f"{name}:{function.name}")
        self.wide_lines += sum(len(line) > WIDEST for line in source.splitlines())

    def _add_node(self, node: ast.AST) -> None:
        self.nodes += 1
        match node:
            case ast.Assign(targets=[ast.Tuple(), *_], value=ast.Tuple()):
                self.tuple_assignments += 1
            case ast.IfExp():
                self.conditional_expressions += 1
            case ast.Lambda():
                self.lambdas += 1
            case ast.NamedExpr():
                self.walruses += 1
        if isinstance(node, ast.stmt):
            self.statements += 1
        if isinstance(node, COMPREHENSIONS):
            self.comprehensions += 1
            if len(node.generators) > 1:
                self.with_two_for += 1


def decisions_of(function: Function) -> int:
    """Return how many ways the function's statements and expressions can turn, and one.

    `and` and `or` count, and so does each `for` and `if` of a comprehension.
    """
    count = 1
    for node in ast.walk(function):
        if isinstance(node, BRANCHES):
            count += 1
        elif isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            count += 1 + len(node.ifs)
    return count


def _counted_nodes(tree: ast.Module) -> Iterator[ast.AST]:
    waiting = list(_counted_children(tree))
    while waiting:
        node = waiting.pop()
        yield node
        if not _is_table(node):
            waiting += _counted_children(node)


def _counted_children(parent: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(parent):
        if name in {"annotation", "returns"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_out(child):
                yield child


def _is_left_out(node: ast.AST) -> bool:
    match node:
        case ast.expr_context():
            return True
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def _is_table(node: ast.AST) -> bool:
    """Tell whether it is a literal of constants and of such literals."""
    match node:
        case ast.List(elts=cells) | ast.Tuple(elts=cells) | ast.Set(elts=cells):
            return all(map(_is_cell, cells))
        case ast.Dict():
            keys = [key for key in node.keys if key is not None]
            return all(map(_is_cell, [*keys, *node.values]))
    return False


def _is_cell(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) or _is_table(node)


def _outer_functions(parent: ast.AST) -> Iterator[Function]:
    for child in ast.iter_child_nodes(parent):
        if isinstance(child, FUNCTIONS):
            yield child
        else:
            yield from _outer_functions(child)


@cache
def figures_of(file: Path) -> Figures:
    """Count one file of the repository."""
    figures = Figures()
    figures.add(file.read_text("utf-8"), file.relative_to(CHECKOUT).as_posix())
    return figures


def total(files: Iterable[Path]) -> Figures:
    """Count some files of the repository."""
    sums = Figures()
    for file in files:
        figures = figures_of(file)
        for one in fields(Figures):
            setattr(sums, one.name, getattr(sums, one.name) + getattr(figures, one.name))
    return sums


def product_of(file: Path) -> str:
    """Return the product that a file of `src/keyturn` belongs to, a name in `ceilings`."""
    match file.relative_to(SOURCE).parts:
        case ["studio", *_] | ["cli", "studio", *_]:
            return "studio"
        case ["probe", *_] | ["cli", "probe.py"]:
            return "probe"
        case ["service" | "cli" | "testing", *_]:
            return "service"
    return "mail"


def products() -> Mapping[str, Figures]:
    """Count the files of each product."""
    files: dict[str, list[Path]] = {}
    for file in _python_files(SOURCE):
        files.setdefault(product_of(file), []).append(file)
    return {product: total(files[product]) for product in sorted(files)}


def ceilings() -> Any:
    """Return `[tool.keyturn]` of pyproject.toml."""
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["tool"]["keyturn"]


def _python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _folders() -> Iterator[Path]:
    yield SOURCE
    for folder in sorted(SOURCE.rglob("*")):
        if folder.is_dir() and _python_files(folder):
            yield folder
    yield CHECKOUT / "tests"


HEADINGS = (
    "nodes", "statements", "nodes each", "comprehensions", "two for", "if-else", "tuples", "lambda",
    "walrus", "over ten", "wide",
)  # fmt: skip
LEGEND = """\
nodes each: nodes a statement. Of a thousand statements: comprehensions, conditional expressions
(if-else), assignments of tuples (a, b = x, y), lambdas, walruses. In all: comprehensions with two
`for`, functions with more than ten decisions (over ten), lines over 100 columns (wide)."""


def _cells(figures: Figures) -> list[str]:
    statements = max(figures.statements, 1)

    def of_a_thousand(count: int) -> str:
        return f"{1000 * count / statements:.1f}"

    return [
        f"{figures.nodes:,}",
        f"{figures.statements:,}",
        f"{figures.nodes / statements:.2f}",
        of_a_thousand(figures.comprehensions),
        str(figures.with_two_for),
        of_a_thousand(figures.conditional_expressions),
        of_a_thousand(figures.tuple_assignments),
        of_a_thousand(figures.lambdas),
        of_a_thousand(figures.walruses),
        str(len(figures.branching)),
        str(figures.wide_lines),
    ]


def _row(name: str, cells: Iterable[str]) -> str:
    columns = [
        cell.rjust(max(len(heading), 7)) for heading, cell in zip(HEADINGS, cells, strict=True)
    ]
    return f"{name:40}  " + "  ".join(columns)


def main() -> None:
    """Print a row for each product, each folder of src and the tests."""
    rows = [_row("", HEADINGS)]
    rows += [_row(product, _cells(figures)) for product, figures in products().items()]
    for folder in _folders():
        name = folder.relative_to(CHECKOUT).as_posix()
        rows.append(_row(name, _cells(total(_python_files(folder)))))
    sys.stdout.write("\n".join([*rows, "", LEGEND, ""]))


if __name__ == "__main__":
    main()
