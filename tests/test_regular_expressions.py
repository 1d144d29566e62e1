"""Every regular expression that reads outside text takes time in proportion to the text, not to its square.

Python's `re` holds the interpreter's lock while it searches, so no time-out can end it (CWE-1333). The tests find the
expressions in the source, so they cover a new one at once.
"""

import ast
import importlib
import re
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from re import _parser  # parses an expression into a tree with its literals
from typing import Any

import msgspec
import pytest

import keyturn
from keyturn.studio.gallery.variables.plausible_texts import _rules
from keyturn.studio.inbox.codes import _WORDS
from keyturn.studio.lint.checks.safety import _NOT_YOU
from keyturn.studio.lint.clients.features import features
from keyturn.studio.lint.guard import _unit
from keyturn.studio.lint.rules import RULES
from keyturn.studio.web.data.current_data import _SAYINGS

pytestmark = [pytest.mark.long, pytest.mark.nightly]

SOURCE = Path(keyturn.__file__).parent

BOUNDED: Mapping[str, str] = {
    "studio/web/frames/rewriting.py": "`url(` is looked for up to the last `)` alone, so each one found ends",
    "preview/static/editing/look.js": "it sees what is on the screen, and 2,000 characters above and below",
}
"""Prefixes of the paths of files whose expressions are not tested, each with the bound that makes this safe."""

_FEATURES = features().values()

BUILT: Mapping[str, str | Iterable[str]] = {
    r"studio/gallery/variables/missing_names.py f'(?<!\\w){re.escape(name)}(?!\\w)'": r"(?<!\w)user_name(?!\w)",
    "studio/gallery/variables/plausible_texts.py f'(?:^|[._])(?:{self.pattern})$'": [
        one.end.pattern for one in _rules()
    ],
    "studio/gallery/variables/plausible_texts.py f'(?:^|_)(?:{self.pattern})(?:_|$)'": [
        one.anywhere.pattern for one in _rules()
    ],
    r'''studio/gallery/samples/files.py f"""[\\s{{]*+(?:\\[\\s*+)?[\\"']?{re.escape(name)}[\\"']?\\s*[\\]=:]"""''': (
        r"[\s{]*+(?:\[\s*+)?[\"']?user_name[\"']?\s*[\]=:]"
    ),
    "studio/gallery/samples/shapes.py shape.pattern": r"^[a-z]+$",
    r"studio/lint/source/corrections.py f'(?<![\\w-]){re.escape(finding.correction.wrong)}(?![\\w-])'": (
        r"(?<![\w-])user-name(?![\w-])"
    ),
    "studio/lint/checks/safety.py words": _NOT_YOU.values(),
    "studio/inbox/codes.py _WORDS[kind]": _WORDS.values(),
    "studio/lint/clients/features.py self.graceful": [
        one.graceful for one in _FEATURES if isinstance(one.graceful, str)
    ],
    "studio/lint/clients/features.py feature.tag": [one.tag for one in _FEATURES],
    "studio/lint/clients/features.py feature.value": [one.value for one in _FEATURES],
    "studio/lint/clients/features.py one.image": [one.image for one in _FEATURES],
    "studio/lint/clients/features.py feature.property or '.*'": [one.property for one in _FEATURES],
    "studio/lint/clients/features.py one.selector": [one.selector for one in _FEATURES],
    "studio/lint/clients/features.py one.at": [one.at for one in _FEATURES],
    "studio/lint/clients/features.py feature.partial or ''": [one.partial or "" for one in _FEATURES],
    "studio/lint/clients/features.py feature.when.get(note, '')": [
        each for one in _FEATURES for each in one.when.values()
    ],
    "studio/lint/clients/features.py on": [each for one in _FEATURES for each in one.on.values()],
    r"studio/lint/guard.py f'^((({minus}\\d|,|\\.)+({written})|0{auto})( )?){{{count}}}$'": [
        _unit("unit", ("px", "%"), "1,4").pattern,
        _unit("unit", ("px", "%", ""), "1").pattern,
        _unit("unitWithNegative", ("px", "em", "auto"), "1").pattern,
    ],
    r"studio/lint/source/unknown_filters.py f'(?:\\||\\bfilter|\\bis(?:\\s+not)?)\\s*({re.escape(name)})\\b'": (
        r"(?:\||\bfilter|\bis(?:\s+not)?)\s*(money)\b"
    ),
    r'''studio/lint/source/broken_templates.py f"""(?:^|[{{,])\\s*[\\"']?({field[1]})[\\"']?\\s*[=:]"""''': (
        r"(?:^|[{,])\s*[\"']?(user_name)[\"']?\s*[=:]"
    ),
    r"studio/lint/source/broken_templates.py f'(?<!\\w){re.escape(name)}(?!\\w)'": r"(?<!\w)user_name(?!\w)",
    r"studio/lint/source/broken_templates.py f'(?<![\\w.])([\\w.]+)\\.{re.escape(name)}\\b'": (
        r"(?<![\w.])([\w.]+)\.user_name\b"
    ),
    "studio/lint/checks/selectors.py row.attribute": [rule.attribute for rule in RULES.values() if rule.attribute],
    "studio/lint/rules.py where": [where for rule in RULES.values() for where in rule.fixes_where],
    "studio/web/data/current_data.py pattern": [one.pattern for one, _ in _SAYINGS],
    "service/reset/passwords/hash_formats.py pattern": r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}",
    "service/settings/building.py f'(?<!\\\\w)(?:{texts})(?!\\\\w)'": r"(?<!\w)(?:smtp\.host|database\.url)(?!\w)",
}
"""Calls whose pattern is built at run time, by file and source, with examples of the patterns."""

_CALLS = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
_FROM_THE_START = {"match", "fullmatch"}
_ALPHABET = " \t\n\r\0aZ09.-_@:;,=+*/\\\"'<>(){}[]|&#%$!?~^`é"
_LENGTHS = (26, 400, 6_000)
_ENOUGH = 0.004
"""Seconds. A linear search of the longest text takes a tenth of a millisecond, a quadratic one 20 and more."""


class Expression(msgspec.Struct, frozen=True):
    """A pattern, its place, and the methods that use it."""

    place: str
    pattern: str | bytes
    flags: int
    methods: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.place} {self.pattern!r}"


def calls_of(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and re.fullmatch(rf"re\.({'|'.join(_CALLS)})", ast.unparse(node.func)):
            yield node


def methods_on(text: str, name: str) -> set[str]:
    """Return the methods of `name` that the text calls or passes on."""
    found = {one[1] for one in re.finditer(rf"\b{re.escape(name)}\.(\w+)", text)}
    return found & _CALLS


def expressions() -> Iterator[Expression]:
    sources = {file: file.read_text() for file in sorted(SOURCE.rglob("*.py"))}
    everything = "\n".join(sources.values())
    for file, text in sources.items():
        if not re.search(r"\bre\.(?:compile|search|match|fullmatch|subn?|split|find)", text):
            continue
        tree, place = ast.parse(text), str(file.relative_to(SOURCE))
        names = {
            id(node.value): target.id if isinstance(target, ast.Name) else target.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, (ast.Name, ast.Attribute))
        }
        module: Any = None
        for call in calls_of(tree):
            how = call.func.attr  # type: ignore[attr-defined]
            name = names.get(id(call), "")
            asked = {how} if how != "compile" else methods_on(text if name.startswith("_") else everything, name)
            methods = frozenset(asked or {"search"})
            try:
                pattern = ast.literal_eval(call.args[0])
                flags = _flags(call, how)
            except ValueError:
                if not module:
                    module = importlib.import_module(
                        ".".join(["keyturn", *file.relative_to(SOURCE).with_suffix("").parts])
                    )
                compiled = vars(module).get(name)
                if isinstance(compiled, re.Pattern):
                    pattern, flags = compiled.pattern, compiled.flags & ~re.UNICODE
                else:
                    written = f"{place} {ast.unparse(call.args[0])}"
                    come_out = BUILT.get(written, "")
                    for one in dict.fromkeys([come_out] if isinstance(come_out, str) else filter(None, come_out)):
                        yield Expression(written, one, 0, methods)
                    continue
            yield Expression(place, pattern, flags, methods)


def _flags(call: ast.Call, how: str) -> int:
    position = {"compile": 1, "search": 2, "match": 2, "fullmatch": 2, "findall": 2, "finditer": 2}.get(how, 9)
    given = [one.value for one in call.keywords if one.arg == "flags"] + call.args[position : position + 1]
    return int(eval(ast.unparse(given[0]), {"re": re})) if given else 0  # noqa: S307 - evaluates our own source


@cache
def found() -> Collection[Expression]:
    return list(expressions())


def _pieces(pattern: str | bytes, flags: int) -> Collection[str]:  # noqa: C901 - one branch a kind of node
    """Return texts that the expression matches in part: each run of its literals, and an example for each part."""
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    found: set[str] = set()

    def example(tree: Any) -> str:  # noqa: C901 - as above
        written = ""
        for kind, value in tree:
            name = str(kind)
            if name == "LITERAL":
                written += chr(value)
            elif name == "NOT_LITERAL":
                written += "a" if value != ord("a") else "b"
            elif name == "IN":
                written += _member(value)
            elif name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
                body = example(value[2])
                found.add(body)
                written += body * min(max(value[0], 1), 64)
            elif name == "SUBPATTERN":
                written += example(value[3])
            elif name == "ATOMIC_GROUP":
                written += example(value)
            elif name == "BRANCH":
                branches = [example(one) for one in value[1]]
                found.update(branches)
                written += branches[0]
            elif name == "ANY":
                written += "a"
            elif name in {"ASSERT", "ASSERT_NOT"}:
                found.add(example(value[1]))
            found.add(written)
        return written

    found.add(example(_parser.parse(text, flags)))
    return {one for one in found if one}


def _member(of: Any) -> str:
    if str(of[0][0]) == "NEGATE":
        left_out = {chr(value) for kind, value in of if str(kind) == "LITERAL"}
        return next(sign for sign in "a0!" if sign not in left_out)
    for kind, value in of:
        if str(kind) == "LITERAL":
            return chr(value)
        if str(kind) == "RANGE":
            return chr(value[0])
        if str(kind) == "CATEGORY":
            return {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}.get(str(value), "!")
    return "!"


def adversaries(expression: Expression) -> Iterator[tuple[str, str, str]]:
    """Yield a beginning, a text to repeat, and an end that the expression does not match."""
    pieces = sorted(_pieces(expression.pattern, expression.flags), key=len)
    pumps = [*_ALPHABET, *pieces, *(f"{one}{sign}" for one in pieces[-4:] for sign in " \n\"'a0<")]
    beginnings = ["", *pieces[-6:]]
    for pump in dict.fromkeys(pumps):
        yield "", pump, "\0"
        yield "", pump, ""
    for beginning in beginnings[1:]:
        for pump in dict.fromkeys([*" \n\t\"'a0.-<({", *pieces[:6]]):
            yield beginning, pump, "\0"


def _seconds(expression: Expression, method: str, text: str) -> float:
    subject: Any = text.encode("latin-1", "replace") if isinstance(expression.pattern, bytes) else text
    compiled: Any = re.compile(expression.pattern, expression.flags)
    began = time.process_time()
    if method in _FROM_THE_START:
        getattr(compiled, method)(subject)
    else:
        for _ in compiled.finditer(subject):
            pass
    return time.process_time() - began


def slowest(expression: Expression) -> str:
    """Return a text whose search time grows faster than its length, or "" if there is none."""
    methods = {one if one in _FROM_THE_START else "search" for one in expression.methods}
    for method in methods:
        for beginning, pump, end in adversaries(expression):

            def of(length: int, parts: tuple[str, str, str] = (beginning, pump, end)) -> str:
                return parts[0] + parts[1] * (length // len(parts[1])) + parts[2]

            for length in _LENGTHS:
                once = _seconds(expression, method, of(length))
                if once < _ENOUGH:
                    continue
                if once < 8 * _seconds(expression, method, of(length // 4)):
                    break  # the expression is long, but linear
                # Other work on the machine slows single tries, so the least of several counts.
                half, whole = (
                    min(_seconds(expression, method, of(one)) for _ in range(5)) for one in (length // 4, length)
                )
                if whole > _ENOUGH and whole > 8 * half:
                    return f"{method}: {beginning!r} + {pump!r} * n + {end!r}: {half:.4f} s, 4 n: {whole:.4f} s"
                break
    return ""


ROOMS = sorted(f"{one.name}/" if one.is_dir() else one.name for one in SOURCE.iterdir() if one.name != "__pycache__")


def test_the_expressions_are_found() -> None:
    assert len(found()) > 300
    assert all(one.place.startswith(tuple(ROOMS)) for one in found())


@pytest.mark.parametrize("room", ROOMS)
def test_an_expression_takes_time_that_grows_with_the_text_and_not_with_its_square(room: str) -> None:
    here = [one for one in found() if one.place.startswith(room) and not one.place.startswith(tuple(BOUNDED))]
    assert not [one.name for one in here if not one.pattern], "built at run time: add examples of the pattern to BUILT"
    assert not {one.name: said for one in here if (said := slowest(one))}


SCRIPTS = ("frontend", "preview/static", "src/keyturn/service/pages/static")
_SCRIPT_LITERAL = re.compile(
    r"""(?:[=(,:&|!?\[{;]|\breturn)\s*/((?![*/])(?:[^\\/\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)/([dgimsuvy]*)"""
)
_TIMED_BY_NODE = """
const { expressions, lengths, enough } = JSON.parse(require("fs").readFileSync(0, "utf-8"));
function seconds(pattern, text) {
  const began = process.hrtime.bigint();
  for (const _ of text.matchAll(pattern)) void _;
  return Number(process.hrtime.bigint() - began) / 1e9;
}
function least(pattern, text) {
  return Math.min(...Array.from({ length: 5 }, () => seconds(pattern, text)));
}
const slow = {};
for (const { name, source, flags, attacks } of expressions) {
  const pattern = new RegExp(source, flags.replace(/[gy]/g, "") + "g");
  for (const [beginning, pump, end] of attacks) {
    const of = (length) => beginning + pump.repeat(length / pump.length) + end;
    for (const length of lengths) {
      if (seconds(pattern, of(length)) < enough) continue;
      const [quarter, whole] = [least(pattern, of(length / 4)), least(pattern, of(length))];
      if (whole > enough && whole > 8 * quarter) slow[name] = [beginning, pump, end, quarter, whole];
      break;
    }
    if (slow[name]) break;
  }
}
console.log(JSON.stringify(slow));
"""
"""The same as `slowest` in JavaScript, by the clock, since Node's processor time is too coarse."""


def script_expressions() -> Iterator[Expression]:
    checkout = SOURCE.parent.parent
    for file in sorted(file for folder in SCRIPTS for file in (checkout / folder).rglob("*.js")):
        place = str(file.relative_to(checkout))
        if "vendored" not in file.parts and place not in BOUNDED:
            code = re.sub(r"(?m)^\s*(?://|/?\*).*$", "", file.read_text())
            for literal in _SCRIPT_LITERAL.finditer(code):
                yield Expression(f"{place} /{literal[2]}", literal[1], 0, frozenset())


def as_python(pattern: str) -> str:
    """Return a similar expression for Python's parser. `adversaries` needs only its literals and parts."""
    return re.sub(r"\(\?<(?=\w)", "(?P<", re.sub(r"\\p\{\w+\}", r"\\w", pattern))


@pytest.mark.node
def test_an_expression_of_a_script_takes_time_that_grows_with_the_text_and_not_with_its_square(node: str) -> None:
    scripts = list(script_expressions())
    asked = [
        {
            "name": one.name,
            "source": one.pattern,
            "flags": one.place.rpartition("/")[2],
            "attacks": list(adversaries(msgspec.structs.replace(one, pattern=as_python(str(one.pattern))))),
        }
        for one in scripts
    ]
    told = msgspec.json.encode({"expressions": asked, "lengths": _LENGTHS, "enough": _ENOUGH})
    done = subprocess.run([node, "-e", _TIMED_BY_NODE], input=told, capture_output=True, check=True, timeout=120)

    assert len(scripts) > 40
    assert msgspec.json.decode(done.stdout) == {}
