"""Parses a template beyond its mistakes in syntax: each wrong tag is noted, and becomes a stand-in of the same length.

So other mistakes in the file are still found at their lines. A tag that prints becomes `{{__}}`, another one a comment.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from functools import lru_cache, partial
from typing import Any, NamedTuple

from jinja2 import Environment, Template, TemplateSyntaxError, nodes
from jinja2.lexer import Lexer

from keyturn.mail.rendering.html_tree import splice
from keyturn.studio.gallery.environments import TOO_DEEP, require_shallow
from keyturn.studio.gallery.variables.missing_names import is_noting, note_wrong_tags
from keyturn.studio.lint.finding import line_and_column
from keyturn.studio.lint.source.other_engines import OF_ENGINES, TagOfAnotherEngine, recognise
from keyturn.studio.lint.source.stand_ins import refuse_part_of_itself

STAND_IN = "__"
"""The global whose value stands in for a tag."""

_MOST_PARSED = 1_250_000
"""Characters to parse, to find more than a file's first mistake. Most mistakes take one parse of the file."""

_EACH_PARSED = 200
"""Characters that take as long as what each parse adds to those of its file."""

_MOST_FILES = 32
"""Files whose mistakes are kept: a mail is parsed several times."""

_TAG = re.compile(
    r"\{#(?:(?!\{#).)*?#\}|(?P<tag>\{%[-+]?\s*(?P<name>\w*)(?:(?!\{%).)*?%\}|\{\{(?:(?!\{\{|\{%).)*?\}\})"
    r"|(?P<broken>\{[%{#][^{}<>\"\n]*\}?)",
    re.DOTALL,
)
_END_OF_COMMENT = re.compile(r"\{%[-+]?\s*endcomment\s*[-+]?%\}")
_WHOLE = re.compile(r"(?P<tag>.+)(?P<name>)(?P<broken>)", re.DOTALL)
_UNKNOWN = re.compile(r"unknown tag '(\w+)'")
_UNCLOSED = re.compile(r"to be closed is '(\w+)'")
_NESTED = re.compile(r"unknown tag '(end\w+)'.*to be closed is '(\w+)'")
_OPEN_COMMENT = "Missing end of comment tag"
_UNEXPECTED_END = "Unexpected end of template"
_OPEN_BLOCK = re.compile(rf"^{_UNEXPECTED_END}.*to be closed is 'block'")
_FOLLOWS = re.compile(rf"^{_UNEXPECTED_END}|unknown tag '(?:end|el)")
"""Mistakes that an earlier one of the same file may have caused. An open tag is not caused by another open tag."""

_WITH_VALUE = re.compile(r"\{%[-+]?\s*set\s[\w\s.,]+=")
"""A `{% set %}` that needs no end tag."""

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_INCLUDED = re.compile(r"\{%[-+]?\s*include\s+(?:\"[^\"]*\"|'[^']*')(?=\s+(?:with|only)\b)")
_WORD = re.compile(r"[^\W\d]\w*")
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

    @classmethod
    def of_tag(cls, source: str, tag: re.Match[str], *, named: bool = True) -> "Position":
        """Return the position of the name of a tag, else of its start."""
        line, column = line_and_column(source, tag.start("name") if named and tag["name"] else tag.start())
        return cls.at(line, line, column)


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


@lru_cache(_MOST_FILES)
def _with_positions(lexer: Lexer) -> Lexer:
    positioning = copy(lexer)
    positioning.__class__ = _PositioningLexer
    return positioning


class TolerantEnvironment(Environment):
    """An environment whose templates have stand-ins for wrong tags, which are noted when the template is loaded.

    Where nobody notes faults, the first is raised. Line numbers in its trees are a `Position`.
    """

    wrong_tags: dict[str | None, tuple[list[TemplateSyntaxError], set[str]]]
    """The errors of each parsed template, in the order in which they were found, and the words in wrong tags."""

    @property
    def lexer(self) -> Lexer:
        return _with_positions(super().lexer)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        wrong, words = self.wrong_tags[name] = list[TemplateSyntaxError](), set[str]()
        try:
            return self._parse_shallow(source, name, filename)
        except RecursionError:
            raise TemplateSyntaxError(TOO_DEEP, 1, name, filename) from None
        except TemplateSyntaxError:
            if not (known := _shared_result(source, self.lexer, frozenset(self.extensions))):
                known.append(_put_stand_ins(self._parse_shallow, source))
            result = known[0]
            wrong += (make_error(name, filename) for make_error in result.wrong)
            words.update(result.words)
            if result.source is None:
                raise wrong[0] from None
            return self._parse_shallow(result.source, name, filename)

    def _parse_shallow(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return require_shallow(super()._parse(source, name, filename), name, filename)

    def refuse(self, error: TemplateSyntaxError) -> None:
        """Note what Jinja refuses when it compiles a template. Its code goes on, and may fail there."""
        self.wrong_tags[error.name][0].append(error)

    def _load_template(self, name: str, globals: Any) -> Template:  # noqa: A002 - Jinja's name
        template = super()._load_template(name, globals)
        refuse_part_of_itself(template)
        wrong, words = self.wrong_tags.get(template.name, ((), set[str]()))
        if wrong and not is_noting():
            raise wrong[0]
        note_wrong_tags(wrong, name, words)
        return template


_Parse = Callable[[str, None, None], nodes.Template]
_MakeError = Callable[[str | None, str | None], TemplateSyntaxError]
"""Makes an error from the name and the path of the file."""


class _WithStandIns(NamedTuple):
    """A source without its wrong tags, or None if there are too many; the errors, and the words in the wrong tags."""

    source: str | None
    wrong: Sequence[_MakeError]
    words: Collection[str]


@lru_cache(_MOST_FILES)
def _shared_result(source: str, lexer: Lexer, extensions: frozenset[str]) -> list[_WithStandIns]:  # noqa: ARG001 - the key
    """Return a list for what `_put_stand_ins` returns, which environments with the same syntax share."""
    return []


def _put_stand_ins(parse: _Parse, source: str) -> _WithStandIns:
    wrong, words = list[_MakeError](), set[str]()
    parses = iter(range(_MOST_PARSED // (len(source) + _EACH_PARSED)))
    error, only_ends = _error_in(parse, source), True
    while error:
        tags, other = _wrong_tags(parse, parses, source, error)
        only_ends = only_ends and (error.message or "").startswith(_UNEXPECTED_END)
        wrong += _errors_of(error, tags, source, may_follow=bool(wrong) and not only_ends)
        if not tags:
            return _WithStandIns(None, wrong, words)
        words |= {word for tag in tags if tag["name"] != "" for word in _WORD.findall(_QUOTED.sub("", tag[0]))}
        words |= OF_ENGINES if any(recognise(tags[0][0], source)) else set()
        source, error = _without(source, tags, error), other
    return _WithStandIns(source, wrong, words)


def _error_in(parse: _Parse, source: str) -> TemplateSyntaxError | None:
    try:
        parse(source, None, None)
    except TemplateSyntaxError as error:
        return error
    except RecursionError:
        return TemplateSyntaxError(TOO_DEEP, 1)
    return None


def _wrong_tags(
    parse: _Parse, parses: Iterator[int], source: str, error: TemplateSyntaxError
) -> tuple[Sequence[re.Match[str]], TemplateSyntaxError | None]:
    """Return the first suspects without which parsing gets further, none if no `parses` are left, and its error."""
    suspects = () if error.message == TOO_DEEP else _suspects(source, error)
    for tags, _ in zip(suspects, parses, strict=False):
        other = _error_in(parse, _without(source, tags, error))
        same = other and (other.message, other.lineno) == (error.message, error.lineno)
        if not (other and same and _column_of(other) <= _column_of(error)):  # or it is the next of its kind in the line
            return tags, other
    return (), None


def _errors_of(
    error: TemplateSyntaxError, tags: Sequence[re.Match[str]], source: str, *, may_follow: bool
) -> Iterator[_MakeError]:
    """Yield what is wrong with these tags: the error, at its place. Nothing if it follows from an earlier one."""
    make = partial(type(error), message := error.message or "")
    nested = _NESTED.search(message)
    if tags and nested and tags[0]["name"] == nested[2]:
        sentence = f"'{nested[2]}' is not closed before '{nested[1]}'."
        yield from (partial(type(error), sentence, Position.of_tag(source, tag)) for tag in tags)
    elif tags and any(recognised := recognise(tags[0][0], source)):
        engine, sentence = recognised
        yield partial(TagOfAnotherEngine, sentence, engine, Position.of_tag(source, tags[0]))
    elif not (may_follow and _FOLLOWS.search(message)):
        is_start = tags and message.startswith(_UNEXPECTED_END)
        yield partial(make, Position.of_tag(source, tags[0], named=False) if is_start else error.lineno)
        if is_start or message == _OPEN_COMMENT:
            yield from (partial(make, Position.of_tag(source, tag, named=False)) for tag in tags[1:])


def without_block_at(source: str, start: int) -> str:
    """Return a template of Django with stand-ins of the same length for the tag there and the others of its block."""
    tags = [tag for tag in _tags_in(source) if not tag[0].startswith("{#")]
    block = next((block for block in _blocks(tags) if block[0].start() == start), None)
    wrong = block or [tag for tag in tags if tag.start() == start]
    return splice(source, ((*tag.span(), _stand_in(source, tag, "[[", "]]")) for tag in wrong))


def _suspects(source: str, error: TemplateSyntaxError) -> Iterator[Sequence[re.Match[str]]]:
    """Yield the tags that may be wrong, the likeliest first; together those of one kind, each with its end tag."""
    tags = [one for one in _tags_in(source) if not one[0].startswith(("{{__", "{#")) or one["broken"]]
    blocks = {block[0]: block for block in _blocks(tags)}
    inside = {tag for block in blocks.values() for tag in block}
    for suspects in filter(None, _likely(tags, inside, source, error)):
        yield list(dict.fromkeys(tag for one in suspects for tag in blocks.get(one, [one])))


def _likely(
    tags: Sequence[re.Match[str]], inside: Collection[re.Match[str]], source: str, error: TemplateSyntaxError
) -> Iterator[Sequence[re.Match[str]]]:
    """Yield suspects. `inside`: the tags of complete blocks."""
    message = error.message or ""
    lines = source.split("\n")[: error.lineno]
    unclosed = [tag for tag in tags if tag not in inside and not _WITH_VALUE.match(tag[0])]
    end = sum(len(line) + 1 for line in lines)
    if nested := _NESTED.search(message):
        before = [tag for tag in tags if tag.start() < end]
        start = max((tag.start() for tag in before if f"end{tag['name']}" == nested[1] and tag in inside), default=end)
        those = [tag for tag in unclosed if tag["name"] == nested[2] and start < tag.start() < end]
        yield from (those[-1:], those)
    if message == _OPEN_COMMENT:
        closed = source.rfind("#}")
        yield [tag for tag in tags if tag["broken"] and tag[0].startswith("{#") and tag.start() > closed]
    if others := [tag for tag in tags if any(recognise(tag[0], source))]:
        yield others
    if unknown := _UNKNOWN.search(message):
        named = [tag for tag in tags if tag["name"] == unknown[1]]
        yield [tag for tag in named if tag not in inside] or named
    elif open_tag := _UNCLOSED.search(message):
        those = [tag for tag in unclosed if tag["name"] == open_tag[1]]
        yield from (those[-1:], those, *([tag] for tag in reversed(those[:-1])))
    there = [tag for tag in tags if tag.start() < end and tag.end() >= end - len(lines[-1]) - 1]
    line_of_tag = getattr(error.lineno, "line", error.lineno)
    at = sum(len(line) + 1 for line in lines[: line_of_tag - 1]) + _column_of(error) - 1
    here = [tag for tag in tags if tag.start() <= at < tag.end()]
    yield from ([tag] for tag in (*here, *sorted(there, key=lambda tag: not tag["broken"])))


def _tags_in(source: str) -> Iterator[re.Match[str]]:
    """Yield all tags. `{% comment %}` of Django and Liquid is one with what is in it."""
    at, ends = 0, True
    while tag := _TAG.search(source, at):
        at = tag.end()
        end = _END_OF_COMMENT.search(source, at) if tag["name"] == "comment" and ends else None
        ends = ends and not (tag["name"] == "comment" and end is None)
        at = end.end() if end else at
        yield (end and _WHOLE.match(source, tag.start(), at)) or tag


def _blocks(tags: Iterable[re.Match[str]]) -> Iterator[list[re.Match[str]]]:
    """Yield the tags of each complete block: those of `if` are its start, each `elif`, `else`, and its end."""
    opened: list[list[re.Match[str]]] = []
    names = Counter[str]()
    for tag in tags:
        name = tag["name"] or ""
        if name in _BETWEEN and opened:
            opened[-1].append(tag)
        elif not name.startswith("end"):
            if name and not _WITH_VALUE.match(tag[0]):
                opened.append([tag])
                names[name] += 1
        elif names[name[3:]] > 0:
            block: list[re.Match[str]] = []
            while not block or block[0]["name"] != name[3:]:
                block = opened.pop()
                names[block[0]["name"]] -= 1
            yield [*block, tag]


def _column_of(error: TemplateSyntaxError) -> int:
    """Return where the tag of an error starts in its line, which the tokens of `origins` know."""
    return getattr(error.lineno, "column", 1)


def _without(source: str, tags: Sequence[re.Match[str]], error: TemplateSyntaxError) -> str:
    """Return the source with stand-ins for these tags. A block without an end gets one: a child shows only blocks."""
    if tags[0]["name"] == "block" and _OPEN_BLOCK.search(error.message or ""):
        return f"{source}{{% endblock %}}"
    return splice(source, ((*tag.span(), _stand_in(source, tag)) for tag in tags))


def _stand_in(source: str, tag: re.Match[str], before: str = "{{__", after: str = "}}") -> str:
    if included := _INCLUDED.match(tag[0]):  # without the arguments of another engine
        return included[0] + re.sub(r"[^\n]", " ", tag[0][included.end() : -2]) + tag[0][-2:]
    start, end = (before, after) if _prints(source, tag) and len(tag[0]) >= len(before + after) else ("{#", "#}")
    inside = re.sub(r"[^\n]", " ", tag[0])[len(start) : len(tag[0]) - len(end)]
    return f"{start}{inside}{end}" if len(tag[0]) >= len(start + end) else " " * len(tag[0])


def _prints(source: str, tag: re.Match[str]) -> bool:
    """Tell whether a tag may print. A statement that is alone on its lines usually prints nothing."""
    if tag[0].startswith("{{") or tag["name"] in _PRINTS:
        return True
    return not (tag["name"] or "end").startswith("end") and _has_text(source, source.rfind("\n", 0, tag.start()) + 1)


@lru_cache(1)
def _has_text(source: str, start: int) -> bool:
    """Tell whether the line from `start` on has more than tags."""
    return bool(_TAG.sub("", source[start:].partition("\n")[0]).strip())
