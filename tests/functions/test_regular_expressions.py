"""Every regular expression that reads outside text takes time in proportion to the text, not to its
square.

Python's `re` holds the interpreter's lock while it searches, so no time-out can end it (CWE-1333).
The test finds the expressions that stand in the source and in the table of features, so it covers a
new one at once.
"""

import ast
import re
import time
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from re import _parser  # parses an expression into a tree with its literals
from typing import Any, NamedTuple

import pytest

import keyturn
from keyturn.studio.lint.clients.features import features

pytestmark = [pytest.mark.long, pytest.mark.nightly]

SOURCE = Path(keyturn.__file__).parent
PACKAGES = sorted(
    f"{one.name}/" if one.is_dir() else one.name
    for one in SOURCE.iterdir()
    if one.name != "__pycache__"
)

BOUNDED: Mapping[str, str] = {
    "studio/web/frames/rewriting.py": (
        "`url(` is looked for up to the last `)` alone, so each one found ends"
    )
}
"""Files whose expressions are not tested, each with the bound that makes this safe."""

METHODS = {"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
CALL = rf"re\.({'|'.join(METHODS)}|compile)"
FROM_THE_START = {"match", "fullmatch"}
ALPHABET = " \t\n\r\0aZ09.-_@:;,=+*/\\\"'<>(){}[]|&#%$!?~^`é"
ENOUGH = 0.004
"""Seconds.

A linear search of the longest text takes a tenth of a millisecond, a quadratic one 20 and more.
"""


class Expression(NamedTuple):
    place: str
    pattern: str | bytes
    flags: int
    methods: Collection[str]


@cache
def expressions() -> Collection[Expression]:
    return [*written_in_source(), *written_in_features()]


def written_in_source() -> Iterator[Expression]:
    sources = {file: file.read_text() for file in sorted(SOURCE.rglob("*.py"))}
    everything = "\n".join(sources.values())
    for file, text in sources.items():
        nodes = [*ast.walk(ast.parse(text))]
        assigned = [node for node in nodes if isinstance(node, ast.Assign)]
        names = {
            id(node.value): ast.unparse(node.targets[0]).rpartition(".")[2] for node in assigned
        }
        for call in nodes:
            if not (isinstance(call, ast.Call) and re.fullmatch(CALL, ast.unparse(call.func))):
                continue
            method, name = ast.unparse(call.func).removeprefix("re."), names.get(id(call), "")
            used_in = text if name.startswith("_") else everything
            used = (
                {method}
                if method in METHODS
                else set(re.findall(rf"\b{name}\.(\w+)", used_in)) & METHODS
            )
            pattern = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
            if isinstance(pattern, str | bytes):
                position = 1 if method == "compile" else 2
                flags = [one.value for one in call.keywords if one.arg == "flags"] + call.args[
                    position : position + 1
                ]
                takes_flags = flags and method not in {"sub", "subn", "split"}
                value = int(eval(ast.unparse(flags[0]), {"re": re})) if takes_flags else 0  # noqa: S307 - our own source
                yield Expression(str(file.relative_to(SOURCE)), pattern, value, used or {"search"})


def written_in_features() -> Iterator[Expression]:
    for one in features().values():
        of_names = [one.property, one.selector, one.element, one.image]
        of_values = [
            one.value,
            one.at,
            one.partial,
            one.graceful,
            *one.when.values(),
            *one.on.values(),
        ]
        for method, patterns in (("fullmatch", of_names), ("search", of_values)):
            for pattern in patterns:
                if pattern and isinstance(pattern, str):
                    yield Expression("studio/lint/data/features.toml", pattern, 0, {method})


def examples(pattern: str | bytes, flags: int) -> Collection[str]:
    """Return texts that the expression matches in part: each run of its literals, and an example
    for each part.
    """
    found: set[str] = set()

    def example(tree: Any) -> str:
        written = ""
        for kind, value in tree:
            match str(kind):
                case "LITERAL":
                    written += chr(value)
                case "NOT_LITERAL":
                    written += "a" if value != ord("a") else "b"
                case "IN":
                    written += member(value)
                case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                    body = example(value[2])
                    written += body * min(max(value[0], 1), 64)
                case "SUBPATTERN":
                    written += example(value[3])
                case "ATOMIC_GROUP":
                    written += example(value)
                case "BRANCH":
                    written += [*map(example, value[1])].pop()
                case "ANY":
                    written += "a"
                case "ASSERT" | "ASSERT_NOT":
                    example(value[1])
            found.add(written)
        return written

    example(
        _parser.parse(pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern, flags)
    )
    return found - {""}


def member(of: Any) -> str:
    classes = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}
    if str(of[0][0]) == "NEGATE":
        return next(
            sign
            for sign in "a0!"
            if ("LITERAL", ord(sign)) not in [(str(kind), value) for kind, value in of]
        )
    kind, value = of[0]
    if str(kind) in {"LITERAL", "RANGE"}:
        return chr(value if str(kind) == "LITERAL" else value[0])
    return classes.get(str(value), "!")


def adversaries(expression: Expression) -> Iterator[tuple[str, str, str]]:
    """Yield a beginning, a text to repeat, and an end that the expression does not match."""
    pieces = sorted(examples(expression.pattern, expression.flags), key=len)
    pumps = [*ALPHABET, *pieces, *(f"{one}{sign}" for one in pieces[-4:] for sign in " \n\"'a0<")]
    for pump in dict.fromkeys(pumps):
        yield "", pump, "\0"
        yield "", pump, ""
    for beginning in pieces[-6:]:
        for pump in dict.fromkeys([*" \n\t\"'a0.-<({", *pieces[:6]]):
            yield beginning, pump, "\0"


def seconds(expression: Expression, method: str, text: str) -> float:
    subject: Any = (
        text.encode("latin-1", "replace") if isinstance(expression.pattern, bytes) else text
    )
    compiled: Any = re.compile(expression.pattern, expression.flags)
    began = time.process_time()
    if method in FROM_THE_START:
        getattr(compiled, method)(subject)
    else:
        for _ in compiled.finditer(subject):
            pass
    return time.process_time() - began


def slow_text(expression: Expression) -> str:
    """Return a text whose search time grows faster than its length, or "" if there is none."""
    methods = {one if one in FROM_THE_START else "search" for one in expression.methods}
    for method, (beginning, pump, end), length in product(
        methods, [*adversaries(expression)], (26, 400, 6_000)
    ):
        # A text of that length, and a quarter of it.
        texts = [beginning + pump * (one // len(pump)) + end for one in (length, length // 4)]
        if seconds(expression, method, texts[0]) > ENOUGH:
            # Other work on the machine slows single tries, so the least of several counts.
            whole, quarter = (
                min(seconds(expression, method, text) for _ in range(5)) for text in texts
            )
            if whole > ENOUGH and whole > 8 * quarter:
                return (
                    f"{method}: {beginning!r} + {pump!r} * n + {end!r}: {quarter:.4f} s, 4 n: "
                    f"{whole:.4f} s"
                )
    return ""


@pytest.mark.parametrize("package", PACKAGES)
def test_an_expression_takes_time_that_grows_with_the_text_and_not_with_its_square(
    package: str,
) -> None:
    assert len(expressions()) > 300
    here = [
        one
        for one in expressions()
        if one.place.startswith(package) and not one.place.startswith(tuple(BOUNDED))
    ]
    assert not {f"{one.place} {one.pattern!r}": text for one in here if (text := slow_text(one))}
