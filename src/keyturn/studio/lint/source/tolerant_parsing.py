"""Parses a template beyond its mistakes in syntax: each wrong tag is noted, and becomes a stand-in
of the same length.

So other mistakes in the file are still found at their lines. A tag that prints becomes `{{__}}`,
another one a comment. Each block and each other tag is parsed alone; of a wrong block, all tags are
replaced, and what it holds stays.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import lru_cache, reduce
from itertools import accumulate, chain, islice
from typing import Any

from jinja2 import Template, TemplateSyntaxError, defaults, nodes
from jinja2.lexer import Lexer
from jinja2.parser import Parser

from keyturn.mail.rendering.html_tree import splice
from keyturn.studio.gallery.syntax_trees import TOO_DEEP, StudioEnvironment, require_shallow
from keyturn.studio.gallery.variables.missing_names import is_noting, note_wrong_tags
from keyturn.studio.lint.finding import line_and_column
from keyturn.studio.lint.source.other_engines import OF_ENGINES, TagOfAnotherEngine, recognise

STAND_IN = "__"  # the global whose value stands in for a tag
_MOST_ALONE = 5_000  # different blocks and tags of a file that are parsed alone
_MOST_FAULTS = 500  # Mistakes of a file. With more, only the first one is reported.
# Times that a file is parsed: some mistakes show only in the whole, as a block within `{% trans
# %}`.
_MOST_PARSED = 20

_STRING = r"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'"
_DICT = reduce(lambda inner, _: rf"\{{(?:{_STRING}|[^{{}}]|{inner})*+\}}", range(3), r"\{[^{}]*+\}")
_INSIDE = rf"(?:{_STRING}|(?!\{{\{{|\{{%){_DICT}|(?!\{{\{{|\{{%|%\}}|\}}\}}).)*+"
_TAG = re.compile(
    rf"(?P<tag>\{{%[-+]?+\s*+(?P<name>\w*+){_INSIDE}%\}}|\{{\{{{_INSIDE}\}}\}})|(?P<broken>\{{[%{{#][^{{}}<>\"\n]*\}}?)",
    re.DOTALL,
)
_NAME = re.compile(r"\{%[-+]?\s*(\w+)")
_END_OF = {name: re.compile(rf"\{{%[-+]?\s*end{name}\s*[-+]?%\}}") for name in ("comment", "raw")}
_END_OF["{#"] = re.compile(r"#\}")
_WHOLE = re.compile(r"(?P<tag>.+)(?P<name>)(?P<broken>)", re.DOTALL)
_WITH_VALUE = re.compile(r"\{%[-+]?\s*set\b[\w\s.,()]+=")  # a `{% set %}` that needs no end tag
_OPEN_BLOCK = "'block' is not closed."
_OF_ITS_TEXTS = "pluralize without variables"  # what a block alone has, since its texts are missing
# What the patterns here know. An app's environment may have another syntax, whose tags are not
# matched.
_SYNTAX = {
    name.lower(): value
    for name, value in vars(defaults).items()
    if name.endswith(("_STRING", "_PREFIX"))
}

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_INCLUDED = re.compile(r"\{%[-+]?\s*include\s+(?:\"[^\"]*\"|'[^']*')(?=\s+(?:with|only)\b)")
_WORD = re.compile(r"[^\W\d]\w*")
_STARTS = frozenset(
    {"autoescape", "block", "call", "filter", "for", "if", "macro", "set", "trans", "with"}
)
_BETWEEN = frozenset({"elif", "else", "empty", "plural", "pluralize"})
_PRINTS = frozenset(
    {"cycle", "firstof", "now", "static", "trans", "translate", "url", "widthratio"}
)
_Tag = re.Match[str]
# The tags of a wrong block, or a wrong tag alone, with its error, if no other fault is why.
_Fault = tuple[Sequence[_Tag], TemplateSyntaxError | None]


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
    """Adds columns to the lines of tokens: those of the text, expression or statement that a token
    is in.
    """

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


@lru_cache
def _with_positions(lexer: Lexer) -> Lexer:
    positioning = copy(lexer)
    positioning.__class__ = _PositioningLexer
    return positioning


class TolerantEnvironment(StudioEnvironment):
    """Notes wrong tags when a template is loaded, or raises the first.

    Lines in its trees are a `Position`.
    """

    wrong_tags: dict[str | None, tuple[list[TemplateSyntaxError], set[str]]]
    """The errors of each parsed template in the order of their tags, and the words in wrong tags.
    """

    @property
    def lexer(self) -> Lexer:
        return _with_positions(super().lexer)

    def parse(
        self, source: str, name: str | None = None, filename: str | None = None
    ) -> nodes.Template:
        wrong, words = self.wrong_tags[name] = list[TemplateSyntaxError](), set[str]()
        faults: Sequence[_Fault] = ()
        for _ in range(_MOST_PARSED):
            try:
                return self._parse_shallow(source, name, filename)
            except RecursionError:
                raise TemplateSyntaxError(TOO_DEEP, 1, name, filename) from None
            except TemplateSyntaxError as error:
                faults = self._faults_in(source, error, is_first=not faults)
                for told in filter(None, (one for _, one in faults)):
                    told.name, told.filename = name, filename
                    wrong.append(told)
                if not 0 < len(faults) < _MOST_FAULTS:
                    raise (wrong or [error])[0] from None
            tags = [tag for those, _ in faults for tag in those]
            words |= {
                word
                for tag in tags
                if tag["name"] != ""
                for word in _WORD.findall(_QUOTED.sub("", tag[0]))
            }
            words |= (
                OF_ENGINES
                if any(isinstance(one, TagOfAnotherEngine) for _, one in faults)
                else set()
            )
            source = _without(source, faults)
        raise wrong[0]

    def _faults_in(
        self, source: str, error: TemplateSyntaxError, *, is_first: bool
    ) -> Sequence[_Fault]:
        if error.message == TOO_DEEP:
            return ()
        apps = (
            one
            for one in self.extensions.values()
            if not type(one).__module__.startswith("jinja2.")
        )
        # What is in their blocks, only the app knows.
        own = {tag for extension in apps for tag in extension.tags}
        is_usual = _SYNTAX.items() <= vars(self).items() and own.isdisjoint(
            map(_name, _tags_in(source))
        )
        faults = _faults_in(source, self._error_alone) if is_first and is_usual else iter(())
        return [*islice(faults, _MOST_FAULTS)] or [*_fault_at(source, error)]

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
        return require_shallow(Parser(self, source, name, filename).parse(), name, filename)

    def refuse(self, error: TemplateSyntaxError) -> None:
        """Note what Jinja refuses when it compiles a template.

        The template's code is still made, and may fail at that place.
        """
        self.wrong_tags[error.name][0].append(error)

    def get_template(self, name: str | Template, *args: Any, **options: Any) -> Template:
        template = super().get_template(name, *args, **options)
        return self._noted(template) if template is not name else template

    def select_template(self, *args: Any, **options: Any) -> Template:
        return self._noted(super().select_template(*args, **options))

    def _noted(self, template: Template) -> Template:
        """Return a template that was loaded, after its wrong tags are noted; else raise the first
        of them.
        """
        wrong, words = self.wrong_tags.get(template.name, ((), set[str]()))
        if wrong and not is_noting():
            raise wrong[0]
        note_wrong_tags(wrong, template.name or "", words)
        return template


def _faults_in(
    source: str, error_alone: Callable[[str], TemplateSyntaxError | None]
) -> Iterator[_Fault]:
    """Yield the blocks and tags that are wrong by themselves, by their lines.

    A block is parsed without its texts.
    """
    errors: dict[str, TemplateSyntaxError | None] = {}
    engines = set[str]()
    for block, message in sorted(_blocks([*_tags_in(source)]), key=lambda one: one[0][0].start()):
        is_open = message is not None and not _name(block[-1]).startswith("end")
        # Without the blank at its end, Jinja does not miss the end of a comment.
        text = "".join(
            [*(tag[0] for tag in block), f"{{% end{_name(block[0])} %}}" if is_open else "", " "]
        )
        if text not in errors and len(errors) < _MOST_ALONE:
            errors[text] = error_alone(text)
        error, tag = errors.get(text), block[0]
        if error and (error.message or "").startswith(_OF_ITS_TEXTS):
            error = None
        if error:
            ends, at = accumulate(len(one[0]) for one in block), _offset(text, error)
            tag = next((one for one, end in zip(block, ends, strict=True) if at < end), tag)
        engine, sentence = recognise(tag[0], source)
        engines |= {engine} if error else set()
        if error or message is not None or (engine and engine in engines and not sentence):
            yield block, _fault_of(source, tag, error or TemplateSyntaxError(message or "", 1))


def _fault_at(source: str, error: TemplateSyntaxError) -> Iterator[_Fault]:
    """Yield the fault of the tag with an error that only the whole file shows,
    if a tag is there.
    """
    at = _offset(source, error)
    for block, _ in _blocks([*_tags_in(source)]):
        if tag := next(
            (
                tag
                for tag in block
                if tag.start() <= at < tag.end() and not tag[0].startswith("{{__")
            ),
            None,
        ):
            yield block, _fault_of(source, tag, error)


def _offset(source: str, error: TemplateSyntaxError) -> int:
    line, column = getattr(error.lineno, "line", error.lineno), getattr(error.lineno, "column", 1)
    return sum(len(one) + 1 for one in source.split("\n")[: line - 1]) + column - 1


def _fault_of(source: str, tag: _Tag, error: TemplateSyntaxError) -> TemplateSyntaxError | None:
    """Return the error of a tag at its place in the source, or that of its engine; None if there is
    nothing to say.
    """
    engine, sentence = recognise(tag[0], source)
    line, column = line_and_column(
        source, tag.start("name") if engine and tag["name"] else tag.start()
    )
    below = error.lineno - getattr(error.lineno, "line", error.lineno)
    place = Position.at(line + below, line, column)
    if engine:
        return TagOfAnotherEngine(sentence, engine, place, None, None)
    return TemplateSyntaxError(error.message, place) if error.message else None


def without_block_at(source: str, start: int) -> str:
    """Return a template of Django with stand-ins of the same length for the tag there and the
    others of its block.
    """
    tags = [*_tags_in(source)]
    blocks = (
        block for block, message in _blocks(tags) if message is None and block[0].start() == start
    )
    wrong = next(blocks, None) or [tag for tag in tags if tag.start() == start]
    return splice(source, ((*tag.span(), _stand_in(source, tag, "[[", "]]")) for tag in wrong))


def _tags_in(source: str) -> Iterator[_Tag]:
    """Yield all tags outside of comments and `{% raw %}`.

    A `{% comment %}` of other engines is one with its text.
    """
    at, ends = 0, dict(_END_OF)
    while tag := _TAG.search(source, at):
        name = tag["name"] or tag[0][:2]
        at = tag.start() + 2 if name == "{#" else tag.end()
        if end := ends[name].search(source, at) if name in ends else None:
            at = end.end()
            yield from _WHOLE.finditer(source, tag.start(), at) if name == "comment" else ()
        else:
            ends.pop(name, None)  # so that it is not looked for again
            yield tag


def _name(tag: _Tag) -> str:
    """Return the name of a tag, also of one whose end is broken."""
    return tag["name"] or ((match := _NAME.match(tag["broken"] or "")) and match[1]) or ""


def _blocks(tags: Sequence[_Tag]) -> Iterator[tuple[list[_Tag], str | None]]:
    """Yield the tags of blocks, and others alone, with a message if one is open; empty if another
    fault is why.
    """
    ends = {_name(tag)[3:] for tag in tags if _name(tag).startswith("end")} - {""}
    opened, names, has_stray = list[list[_Tag]](), Counter[str](), False
    # By an end tag; their own may follow.
    crossed = defaultdict[str, list[tuple[list[_Tag], str]]](list)
    for tag in tags:
        name = _name(tag)
        if name in _BETWEEN and opened and _name(opened[-1][0]) != "block":
            opened[-1].append(tag)
        elif name.startswith("end") and names[name[3:]]:
            while (own := _name((block := opened.pop())[0])) != name[3:]:
                names[own] -= 1
                crossed[own].append((block, f"'{own}' is not closed before '{name}'."))
            names[own] -= 1
            yield [*block, tag], None
        elif name.startswith("end") and crossed[name[3:]]:
            block, message = crossed[name[3:]].pop()
            yield [*block, tag], message
        elif (name in _STARTS or name in ends) and not _WITH_VALUE.match(tag[0]):
            opened.append([tag])
            names[name] += 1
        else:
            has_stray = has_stray or name.startswith("end")
            yield [tag], None
    yield from chain.from_iterable(crossed.values())
    yield from (
        (block, "" if has_stray else f"'{_name(block[0])}' is not closed.") for block in opened
    )


def _without(source: str, faults: Iterable[_Fault]) -> str:
    """Return the source with stand-ins for wrong tags.

    A block without an end gets one: a child shows only blocks.
    """
    ends, wrong = "", dict[tuple[int, int], str]()
    for tags, error in faults:
        if error and error.message == _OPEN_BLOCK:
            ends += "{% endblock %}"
        else:
            wrong |= {tag.span(): _stand_in(source, tag) for tag in tags}
    return splice(source, ((*span, text) for span, text in sorted(wrong.items()))) + ends


def _stand_in(source: str, tag: _Tag, before: str = "{{__", after: str = "}}") -> str:
    if included := _INCLUDED.match(tag[0]):  # without the arguments of another engine
        return included[0] + re.sub(r"[^\n]", " ", tag[0][included.end() : -2]) + tag[0][-2:]
    start, end = (
        (before, after)
        if _prints(source, tag) and len(tag[0]) >= len(before + after)
        else ("{#", "#}")
    )
    inside = re.sub(r"[^\n]", " ", tag[0])[len(start) : len(tag[0]) - len(end)]
    return f"{start}{inside}{end}" if len(tag[0]) >= len(start + end) else " " * len(tag[0])


def _prints(source: str, tag: _Tag) -> bool:
    """Tell whether a tag may print. A statement that stands apart usually prints nothing."""
    if tag[0].startswith("{{") or tag["name"] in _PRINTS:
        return True
    before, after = (
        source[max(tag.start() - 99, 0) : tag.start()],
        source[tag.end() : tag.end() + 99],
    )
    beside = before.rstrip(" \t")[-1:] + after.lstrip(" \t")[:1]
    return not (tag["name"] or "end").startswith("end") and bool(beside.strip("{}\n"))
