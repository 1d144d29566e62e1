"""Mutants: one small change of the source at a time, which at least one test must notice.

`python -m tests.mutants [--count 300] [--seed 1] [--only TEXT]` changes a copy of the story, the
secrets, the outbox and the studio's checks. Thirty of the tests that reach a changed line run, then
all that reach its file. A mutant that no test notices survives. `mutants.toml` explains those that
change nothing which anybody is promised; any other fails the run.
"""

import argparse
import ast
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from coverage import CoverageData

CHECKOUT = Path(__file__).parents[1]
BESIDE_THE_SOURCE = ("email_templates", "frontend", "migrations", "preview", "pyproject.toml")
RESET = ("tests/spec", "tests/contracts/records", "tests/contracts/second_steps", "tests/functions")
SOURCES = {
    "src/keyturn/service/one_time_secrets.py": (
        *RESET,
        "tests/contracts/outbox",
        "tests/contracts/database",
    ),
    "src/keyturn/service/limits/*.py": ("tests/spec", "tests/contracts/limits"),
    "src/keyturn/service/reset/*.py": RESET,
    "src/keyturn/service/reset/records/*.py": (*RESET, "tests/commands"),
    "src/keyturn/service/outbox/*.py": ("tests/spec", "tests/contracts/outbox", "tests/commands"),
    "src/keyturn/studio/lint/checks/*.py": ("tests/studio",),
}
"""What is changed, and where its tests are."""

MARKS = "not nightly and not program and not postgresql"

COVERAGE = "[run]\nsource_pkgs = keyturn\nparallel = true\npatch = subprocess\n"
"""Not pyproject.toml's: where it follows greenlets, a traced CPython 3.11 can spin for ever after a
thread's end.
"""

FIRST = 30
"""Tests of a line that run at first: most mutants die in one of them."""

LONGEST = 600
"""Seconds of a mutant's tests. A mutant that waits for ever was noticed."""

OPPOSITES: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt,
    ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip


LEFT_OUT = {"frozen", "index", "kw_only", "primary_key", "strict", "unique"}
"""Keywords that say how the source may be used, or what migrations have made long ago."""


class Mutant(NamedTuple):
    file: Path
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """The mutant by the text of its line, since the number moves."""
        written = self.file.read_text("utf-8").splitlines()[self.line - 1].strip()
        return (
            f"{self.file.relative_to(CHECKOUT / 'src/keyturn')}: {written}: {self.before} -> "
            f"{self.after}"
        )


def main() -> int:
    """Print a line for each mutant.

    Returns 1 if one survives that mutants.toml does not explain.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="mutants of files whose path has this text")
    chosen = parser.parse_args()
    explained = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    listed = [
        (file, tests)
        for pattern, tests in SOURCES.items()
        for file in sorted(CHECKOUT.glob(pattern))
    ]
    files = [
        (file, tests) for file, tests in listed if chosen.only in str(file.relative_to(CHECKOUT))
    ]
    if not files:
        parser.error(f"none of the files has {chosen.only!r} in its path")
    mutants = [mutant for file, _ in files for mutant in mutants_of(file)]
    mutants = random.Random(chosen.seed).sample(mutants, min(chosen.count, len(mutants)))
    survivors = 0
    with (
        tempfile.TemporaryDirectory(prefix="keyturn-mutants-") as folder,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        tests = tests_by_line(
            Path(folder) / "coverage", {path for _, paths in files for path in paths}
        )

        def verdict_on(mutant: Mutant) -> str:
            return (
                "explained" if mutant.name in explained else judge(mutant, *tests(mutant), folder)
            )

        for mutant, verdict in zip(mutants, pool.map(verdict_on, mutants), strict=True):
            survivors += verdict in ("survived", "not reached")
            print(  # noqa: T201
                f"{verdict:<12}{mutant.file.relative_to(CHECKOUT)}:{mutant.line}  {mutant.name}",
                flush=True,
            )
    print(f"{survivors} of {len(mutants)} survived")  # noqa: T201
    return min(survivors, 1)


def mutants_of(file: Path) -> Iterator[Mutant]:
    """Yield each mutant of a file: its tree with one node changed."""
    source = file.read_text("utf-8")
    tree = ast.parse(source)
    left_out = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in LEFT_OUT
    }
    for number, node in enumerate(ast.walk(tree)):
        for change in changes_of(node) if node not in left_out else ():
            other = copy.deepcopy(tree)
            copied = next(one for at, one in enumerate(ast.walk(other)) if at == number)
            before = _shown(copied)
            change(copied)
            yield Mutant(
                file, getattr(node, "lineno", 0), before, _shown(copied), ast.unparse(other)
            )


def _shown(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:100]


def changes_of(node: ast.AST) -> Iterator[Callable[[ast.AST], None]]:
    """Yield what can be changed in a node: an operator, a number, a truth, a `not`, a call that is
    a statement.
    """

    def put(name: str, value: object) -> Callable[[ast.AST], None]:
        return lambda copied: setattr(copied, name, value)

    match node:
        case ast.Compare(ops=[op]) if type(op) in OPPOSITES:
            yield put("ops", [OPPOSITES[type(op)]()])
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in OPPOSITES:
            yield put("op", OPPOSITES[type(op)]())
        case ast.Constant(value=bool(value)):
            yield put("value", not value)
        case ast.Constant(value=int(value)):
            yield put("value", value + 1)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield put("test", ast.UnaryOp(ast.Not(), test))
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield put("value", ast.Constant(None))


def tests_by_line(
    data_file: Path, folders: set[str]
) -> Callable[[Mutant], tuple[Sequence[str], Sequence[str]]]:
    """Run the tests once; return a function to those that pass and reach a mutant's line, and to
    those of its file.

    pytest must find them all again by their names: from then on, whatever is not a success is a
    mutant's doing.
    """
    config = data_file.with_name("config.ini")
    config.write_text(COVERAGE, "utf-8")
    coverage = ("--cov=keyturn", "--cov-context=test", "--cov-report=", f"--cov-config={config}")
    cache = data_file.with_name("cache")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        MARKS,
        *coverage,
        "-o",
        f"cache_dir={cache}",
        *sorted(folders),
    ]
    environment = {**os.environ, "COVERAGE_FILE": str(data_file)}
    subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL, check=False)
    failures = cache / "v" / "cache" / "lastfailed"
    failed = set(json.loads(failures.read_text("utf-8"))) if failures.exists() else set()
    data = CoverageData(str(data_file))
    data.read()
    listed = data_file.with_name("tests.txt")
    # A context is a test, `|` and a phase; that of what ran at import is empty.
    listed.write_text(
        "\n".join({one.rpartition("|")[0] for one in data.measured_contexts()} - {""}), "utf-8"
    )
    command = [sys.executable, "-m", "pytest", "--collect-only", "-n", "0", "-m", "", f"@{listed}"]
    subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)

    def reaching(mutant: Mutant) -> tuple[Sequence[str], Sequence[str]]:
        contexts = data.contexts_by_lineno(str(mutant.file))
        lines = {
            line: {one.rpartition("|")[0] for one in contexts[line]} - failed - {""}
            for line in contexts
        }
        of_file = sorted(set().union(*lines.values()))
        # A line that ran at import belongs to all tests of its file.
        return sorted(lines.get(mutant.line, ())) or of_file, of_file

    return reaching


def judge(mutant: Mutant, of_line: Sequence[str], of_file: Sequence[str], folder: str) -> str:
    """Run the tests of a mutant in a copy of the source, in a folder of its own.

    After some of the line's tests come those of the file: where a function is cached, one test
    alone reaches a line.
    """
    if not of_file:
        return "not reached"
    with tempfile.TemporaryDirectory(dir=folder) as own:
        place = Path(own)
        shutil.copytree(
            CHECKOUT / "src", place / "src", ignore=shutil.ignore_patterns("__pycache__")
        )
        for name in BESIDE_THE_SOURCE:
            (place / name).symlink_to(CHECKOUT / name)
        (place / mutant.file.relative_to(CHECKOUT)).write_text(mutant.source, "utf-8")
        first = random.Random(mutant.name).sample(of_line, min(FIRST, len(of_line)))
        return "survived" if passes(first, place) and passes(of_file, place) else "noticed"


def passes(tests: Sequence[str], place: Path) -> bool:
    listed = place / "tests.txt"
    listed.write_text("\n".join(tests), "utf-8")
    alone = ("-n", "0") if len(tests) <= FIRST else ()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-m",
        "",
        "-p",
        "no:cacheprovider",
        *alone,
        f"@{listed}",
    ]
    environment = {**os.environ, "PYTHONPATH": str(place / "src")}
    try:
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
