"""Parses a template beyond its mistakes in syntax: each wrong tag is noted, and becomes a stand-in of the same length.

So other mistakes in the file are still found at their lines. A tag that prints becomes `{{__}}`, another one a comment.
If a file cannot be parsed, the start and end tags of its blocks are matched, and each tag is parsed alone.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from functools import lru_cache, reduce
from itertools import islice
from typing import Any, NamedTuple

from jinja2 import Environment, Template, TemplateSyntaxError, nodes
from jinja2.lexer import Lexer

from keyturn.mail.rendering.html_tree import splice
from keyturn.studio.gallery.environments import TOO_DEEP, require_shallow
from keyturn.studio.gallery.variables.missing_names import is_noting, note_wrong_tags
from keyturn.studio.lint.finding import line_and_column
from keyturn.studio.lint.source.other_engines import OF_ENGINES, TagOfAnotherEngine, recognise

STAND_IN = "__"  # the global whose value stands in for a tag
_MOST_TAGS = 5_000  # different tags of a file that are parsed alone
_MOST_ALONE = 1_250_000  # characters of tags that are parsed alone: each `elif` takes the `if` of its block
_MOST_FAULTS = 500  # Mistakes of a file. With more, only the first one is reported.
_MOST_PARSED = 20
"""Times that a file is parsed: some mistakes show only in the whole, such as a block within `{% trans %}`."""

_MOST_LEXERS = 32

_STRING = r"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'"
_DICT = reduce(lambda inner, _: rf"\{{(?:{_STRING}|[^{{}}]|{inner})*+\}}", range(3), r"\{[^{}]*+\}")
_INSIDE = rf"(?:{_STRING}|(?!\{{\{{|\{{%){_DICT}|(?!\{{\{{|\{{%|%\}}|\}}\}}).)*+"
_TAG = re.compile(
    r"\{#(?:(?!\{#).)*?#\}"
    rf"|(?P<tag>\{{%[-+]?+\s*+(?P<name>\w*+){_INSIDE}%\}}|\{{\{{{_INSIDE}\}}\}})"
    r"|(?P<broken>\{[%{#][^{}<>\"\n]*\}?)",
    re.DOTALL,
)
_NAME = re.compile(r"\{%[-+]?\s*(\w+)")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}")
_END_OF = {name: re.compile(rf"\{{%[-+]?\s*end{name}\s*[-+]?%\}}") for name in ("comment", "raw")}
_WHOLE = re.compile(r"(?P<tag>.+)(?P<name>)(?P<broken>)", re.DOTALL)
_WITH_VALUE = re.compile(r"\{%[-+]?\s*set\b[\w\s.,()]+=")  # a `{% set %}` that needs no end tag
_OPEN_BLOCK = "'block' is not closed."
_SYNTAX = {
    "block_start_string": "{%",
    "block_end_string": "%}",
    "variable_start_string": "{{",
    "variable_end_string": "}}",
    "comment_start_string": "{#",
    "comment_end_string": "#}",
    "line_statement_prefix": None,
    "line_comment_prefix": None,
}
"""What the patterns here know. An app's environment may have another syntax, whose tags are not matched."""

_OF_OTHERS = ("Unexpected end of template.", "Encountered unknown tag", "pluralize without variables")
"""Mistakes of a tag alone that it may not have with what is around it in its block."""

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_INCLUDED = re.compile(r"\{%[-+]?\s*include\s+(?:\"[^\"]*\"|'[^']*')(?=\s+(?:with|only)\b)")
_WORD = re.compile(r"[^\W\d]\w*")
_STARTS = frozenset({"autoescape", "block", "call", "filter", "for", "if", "macro", "set", "trans", "with"})
_BETWEEN = frozenset({"elif", "else", "empty", "plural", "pluralize"})
_PRINTS = frozenset({"cycle", "firstof", "now", "static", "trans", "translate", "url", "widthratio"})


class Position(int):
    """A line number with line and column of the start of its tag or text."""

    line: int
    column: int

    @classmethod
    def at(cls, token_line: int, line: int, column: int) -> "Position":
        position = cls(token_line)
        position.line, position.column = line, column
        return position


class _PositioningLexer(Lexer):
    """Adds columns to the lines of tokens: those of the text, expression or statement that a token is in."""

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        text, tokens = re.sub(r"\r\n?", "\n", source), list[tuple[int, str, str]]()
        offset, behind, line, column = 0, 0, 1, 1
        try:
            for token_line, kind, value in super().tokeniter(source, name, filename, state):
                while not text.startswith(value, offset) and text[offset : offset + 1].isspace():
                    offset += 1  # white space that a minus sign took away
                if kind in ("data", "variable_begin", "block_begin"):
                    line, behind = line + text.count("\n", behind, offset), offset
                    column = offset - text.rfind("\n", 0, offset)
                tokens.append((Position.at(token_line, line, column), kind, value))
                offset += len(value)
        except TemplateSyntaxError as error:
            error.lineno = Position.at(error.lineno, line, column)
            raise
        return iter(tokens)


@lru_cache(_MOST_LEXERS)
def _with_positions(lexer: Lexer) -> Lexer:
    positioning = copy(lexer)
    positioning.__class__ = _PositioningLexer
    return positioning


class TolerantEnvironment(Environment):
    """Notes wrong tags when a template is loaded, or raises the first. Lines in its trees are a `Position`."""

    wrong_tags: dict[str | None, tuple[list[TemplateSyntaxError], set[str]]]
    """The errors of each parsed template, in the order of their tags, and the words in wrong tags."""

    @property
    def lexer(self) -> Lexer:
        return _with_positions(super().lexer)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        wrong, words = self.wrong_tags[name] = list[TemplateSyntaxError](), set[str]()
        faults: Sequence[_Fault] = ()
        for _ in range(_MOST_PARSED):
            try:
                return self._parse_shallow(source, name, filename)
            except RecursionError:
                raise TemplateSyntaxError(TOO_DEEP, 1, name, filename) from None
            except TemplateSyntaxError as error:
                faults = self._faults_in(source, error, is_first=not faults)
                wrong += (one.error(name, filename) for one in faults if one.message or one.engine)
                if not 0 < len(faults) < _MOST_FAULTS:
                    raise (wrong or [error])[0] from None
            tags = [tag for one in faults for tag in one.tags]
            words |= {word for tag in tags if tag["name"] != "" for word in _WORD.findall(_QUOTED.sub("", tag[0]))}
            words |= OF_ENGINES if any(one.engine for one in faults) else set()
            source = _without(source, faults)
        raise wrong[0]

    def _faults_in(self, source: str, error: TemplateSyntaxError, *, is_first: bool) -> Sequence["_Fault"]:
        if error.message == TOO_DEEP:
            return ()
        is_usual = all(getattr(self, name) == value for name, value in _SYNTAX.items())
        faults = _faults_in(source, self._error_alone, self._own_tags) if is_first and is_usual else iter(())
        return [*islice(faults, _MOST_FAULTS)] or [*_fault_at(source, error)]

    @property
    def _own_tags(self) -> set[str]:
        """The tags of an app's extensions. Which others are in their blocks, and how they end, only they know."""
        extensions = self.extensions.values()
        return {tag for one in extensions if not type(one).__module__.startswith("jinja2.") for tag in one.tags}

    def _error_alone(self, source: str) -> TemplateSyntaxError | None:
        try:
            self._parse_shallow(source, None, None)
        except TemplateSyntaxError as error:
            return error
        except RecursionError:
            return TemplateSyntaxError(TOO_DEEP, 1)
        except ValueError as error:  # of Python's int
            return TemplateSyntaxError(f"A number cannot be read: {error}.", 1)
        return None

    def _parse_shallow(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return require_shallow(super()._parse(source, name, filename), name, filename)

    def refuse(self, error: TemplateSyntaxError) -> None:
        """Note what Jinja refuses when it compiles a template. Its code goes on, and may fail there."""
        self.wrong_tags[error.name][0].append(error)

    def _load_template(self, name: str, globals: Any) -> Template:  # noqa: A002 - Jinja's name
        template = super()._load_template(name, globals)
        wrong, words = self.wrong_tags.get(template.name, ((), set[str]()))
        if wrong and not is_noting():
            raise wrong[0]
        note_wrong_tags(wrong, name, words)
        return template


_Tag = re.Match[str]


class _Fault(NamedTuple):
    """What is wrong with the first of these tags; nothing without a message and an `engine`, whose tag it is."""

    tags: Sequence[_Tag]
    message: str
    place: Position
    engine: str

    @classmethod
    def of(cls, source: str, tags: Sequence[_Tag], message: str, lines: int = 0) -> "_Fault":
        """Return the fault in the line of its tag, or so many `lines` below."""
        engine, sentence = recognise(tags[0][0], source)
        start = tags[0].start("name") if engine and tags[0]["name"] else tags[0].start()
        line, column = line_and_column(source, start)
        return cls(tags, sentence if engine else message, Position.at(line + lines, line, column), engine)

    def error(self, name: str | None, filename: str | None) -> TemplateSyntaxError:
        if self.engine:
            return TagOfAnotherEngine(self.message, self.engine, self.place, name, filename)
        return TemplateSyntaxError(self.message, self.place, name, filename)


def _faults_in(
    source: str, error_alone: Callable[[str], TemplateSyntaxError | None], own_tags: Collection[str]
) -> Iterator[_Fault]:
    """Yield the faults of tags that are wrong by themselves, and of blocks that are not closed, by their lines."""
    tags = [tag for tag in _tags_in(source) if tag["tag"] or tag["broken"]]
    errors: dict[str, TemplateSyntaxError | None] = {}
    engines, parsed = set[str](), [0]
    closed = source.rfind("#}")
    unsure = _OF_OTHERS if any(tag["name"] in own_tags for tag in tags) else _OF_OTHERS[2:]

    def error_of(before: str, tag: _Tag, after: str) -> tuple[str, int] | None:
        """Return the error of a tag, and how many lines below its start."""
        text = f"{before}{tag[0]}{after} "  # else Jinja does not miss the end of a comment
        if text not in errors and len(errors) < _MOST_TAGS and parsed[0] + len(text) < _MOST_ALONE:
            parsed[0] += len(text)
            errors[text] = error_alone(text)
        error = errors.get(text)
        is_comment = tag[0].startswith("{#") and tag.start() < closed
        if is_comment or (error and (error.message or "").startswith(unsure)):
            return None
        return (error.message or "", max(0, error.lineno - 1 - before.count("\n"))) if error else None

    for block, message in _groups(tags):
        start, *others = block
        is_end = message is not None and _name(start).startswith("end")
        end = f"{{% end{_name(start)} %}}" if others or message is not None else ""
        error = None if is_end and not start["broken"] else error_of("", start, "" if is_end else end)
        engine, sentence = recognise(start[0], source)
        if error:
            engines.add(engine)
        if unsure == _OF_OTHERS and (is_end or message == ""):
            continue
        if error or message is not None or (engine in engines and engine and not sentence):
            yield _Fault.of(source, block, *(error or (message or "", 0)))
            continue
        for tag in others:
            is_last = tag is others[-1]
            if error := error_of(start[0], tag, "" if is_last else end):
                yield _Fault.of(source, [tag, *block[:-1]] if is_last else [tag], *error)


def _groups(tags: Sequence[_Tag]) -> Sequence[tuple[list[_Tag], str | None]]:
    """Return the blocks with their messages, and each tag outside of them alone, in the order of their starts."""
    blocks = [*_blocks(tags)]
    inside = {tag for block, _ in blocks for tag in block}
    alone = (([tag], None) for tag in tags if tag not in inside)
    return sorted((*blocks, *alone), key=lambda one: one[0][0].start())


def _fault_at(source: str, error: TemplateSyntaxError) -> Iterator[_Fault]:
    """Yield the fault of the tag with an error that only the whole file shows, if a tag is there."""
    line, column = getattr(error.lineno, "line", error.lineno), getattr(error.lineno, "column", 1)
    at = sum(len(one) + 1 for one in source.split("\n")[: line - 1]) + column - 1
    tags = [tag for tag in _tags_in(source) if tag["tag"] or tag["broken"]]
    if tag := next((tag for tag in tags if tag.start() <= at < tag.end() and not tag[0].startswith("{{__")), None):
        block = next((block for block, _ in _blocks(tags) if tag in block), [tag])
        yield _Fault.of(source, [tag, *(one for one in block if one is not tag)], error.message or "")


def without_block_at(source: str, start: int) -> str:
    """Return a template of Django with stand-ins of the same length for the tag there and the others of its block."""
    tags = [tag for tag in _tags_in(source) if not tag[0].startswith("{#")]
    blocks = (block for block, message in _blocks(tags) if message is None)
    block = next((block for block in blocks if block[0].start() == start), None)
    wrong = block or [tag for tag in tags if tag.start() == start]
    return splice(source, ((*tag.span(), _stand_in(source, tag, "[[", "]]")) for tag in wrong))


def _tags_in(source: str) -> Iterator[_Tag]:
    """Yield all tags but those within `{% raw %}`. `{% comment %}` of Django and Liquid is one with what is in it."""
    at, ends = 0, dict(_END_OF)
    while tag := _TAG.search(source, at):
        at = tag.end()
        name = "raw" if _RAW.fullmatch(tag[0]) else tag["name"] if tag["name"] == "comment" else ""
        end = ends[name].search(source, at) if name in ends else None
        if end:
            at = end.end()
        else:
            ends.pop(name, None)  # so that it is not looked for again
        if not end or name == "comment":
            yield (end and _WHOLE.match(source, tag.start(), at)) or tag


def _name(tag: _Tag) -> str:
    """Return the name of a tag, also of one whose end is broken."""
    return tag["name"] or ((match := _NAME.match(tag["broken"] or "")) and match[1]) or ""


def _blocks(tags: Sequence[_Tag]) -> Iterator[tuple[list[_Tag], str | None]]:
    """Yield the tags of each block, with a message if it is not closed or not begun; empty if another fault is why."""
    ends = {_name(tag)[3:] for tag in tags if _name(tag).startswith("end")} - {""}
    opened: list[list[_Tag]] = []
    names, lost = Counter[str](), Counter[str]()
    has_stray = False
    for tag in tags:
        name = _name(tag)
        if name in _BETWEEN and opened:
            opened[-1].append(tag)
        elif name.startswith("end") and names[name[3:]]:
            while (own := _name((block := opened.pop())[0])) != name[3:]:
                names[own], lost[own] = names[own] - 1, lost[own] + 1
                yield block, f"'{own}' is not closed before '{name}'."
            names[own] -= 1
            yield [*block, tag], None
        elif name.startswith("end"):
            yield [tag], "" if lost[name[3:]] else f"Encountered unknown tag '{name}'."
            has_stray, lost[name[3:]] = has_stray or not lost[name[3:]], lost[name[3:]] - 1
        elif (name in _STARTS or name in ends) and not _WITH_VALUE.match(tag[0]):
            opened.append([tag])
            names[name] += 1
    yield from ((block, "" if has_stray else f"'{_name(block[0])}' is not closed.") for block in opened)


def _without(source: str, faults: Iterable[_Fault]) -> str:
    """Return the source with stand-ins for wrong tags. A block without an end gets one: a child shows only blocks."""
    ends, wrong = "", dict[tuple[int, int], str]()
    for fault in faults:
        if fault.message == _OPEN_BLOCK:
            ends += "{% endblock %}"
        else:
            wrong |= {tag.span(): _stand_in(source, tag) for tag in fault.tags}
    return splice(source, ((*span, text) for span, text in sorted(wrong.items()))) + ends


def _stand_in(source: str, tag: _Tag, before: str = "{{__", after: str = "}}") -> str:
    if included := _INCLUDED.match(tag[0]):  # without the arguments of another engine
        return included[0] + re.sub(r"[^\n]", " ", tag[0][included.end() : -2]) + tag[0][-2:]
    start, end = (before, after) if _prints(source, tag) and len(tag[0]) >= len(before + after) else ("{#", "#}")
    inside = re.sub(r"[^\n]", " ", tag[0])[len(start) : len(tag[0]) - len(end)]
    return f"{start}{inside}{end}" if len(tag[0]) >= len(start + end) else " " * len(tag[0])


def _prints(source: str, tag: _Tag) -> bool:
    """Tell whether a tag may print. A statement that is alone on its lines usually prints nothing."""
    if tag[0].startswith("{{") or tag["name"] in _PRINTS:
        return True
    return not (tag["name"] or "end").startswith("end") and _has_text(source, source.rfind("\n", 0, tag.start()) + 1)


@lru_cache(1)
def _has_text(source: str, start: int) -> bool:
    """Tell whether the line from `start` on has more than tags."""
    return bool(_TAG.sub("", source[start:].partition("\n")[0]).strip())
