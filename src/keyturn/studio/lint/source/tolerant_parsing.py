"""Parses a template beyond its mistakes in syntax, so that others in the file are still found.

1. If Jinja refuses a file, its tags are found by their braces, and paired to blocks (`tags`).
2. Jinja parses the tags of each block alone. What it refuses is a fault, at the line of its tag; so
   is a block without its end: "'if' is not closed." If nothing is wrong with a block alone, the
   fault is the tag that Jinja refused in the whole file.
3. The tags of a fault become stand-ins of the same length (`tag_stand_ins`). What is between them
   stays, and all keeps its line. Then Jinja parses the file again.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.lexer import Lexer
from jinja2.parser import Parser

from keyturn.studio.gallery.syntax_trees import TOO_DEEP, StudioEnvironment, require_shallow
from keyturn.studio.gallery.variables.missing_names import is_noting, note_wrong_tags
from keyturn.studio.lint.finding import line_and_column
from keyturn.studio.lint.source.engine_recognition import OF_ENGINES, TagOfAnotherEngine, recognise
from keyturn.studio.lint.source.positions import Position, position_of, with_positions
from keyturn.studio.lint.source.tag_stand_ins import without_tags
from keyturn.studio.lint.source.tags import Block, Tag, blocks_in

_MOST_ALONE = 5_000  # different blocks and tags of a file that are parsed alone
_MOST_FAULTS = 500  # mistakes of a file; with more, only the first one is reported
# Times that a file is parsed. Each time may find one mistake that shows only in the whole, as a
# block within a `{% trans %}`.
_MOST_PARSED = 20

_OPEN_BLOCK = "'block' is not closed."
_OF_ITS_TEXTS = "pluralize without variables"  # what a block alone has, since its texts are missing
# What is known of tags here. An app's environment may have another syntax.
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
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_WORD = re.compile(r"[^\W\d]\w*")


class Fault(NamedTuple):
    """A wrong tag alone, or all tags of a wrong block. `error`: None if another fault is why."""

    tags: Sequence[Tag]
    error: TemplateSyntaxError | None


class WrongTags(NamedTuple):
    """What is wrong with a template's tags.

    `errors`: in the order of their tags. `words`: of wrong tags, which may define these names.
    """

    errors: list[TemplateSyntaxError]
    words: set[str]

    def add(self, faults: Iterable[Fault], name: str | None, filename: str | None) -> None:
        for fault in faults:
            if fault.error:
                fault.error.name = name
                fault.error.filename = filename
                self.errors.append(fault.error)
            if isinstance(fault.error, TagOfAnotherEngine):
                self.words.update(OF_ENGINES)
            for tag in fault.tags:
                if not tag.is_comment:
                    self.words.update(_WORD.findall(_QUOTED.sub("", tag.text)))


class TolerantEnvironment(StudioEnvironment):
    """Notes wrong tags when a template is loaded, or raises the first.

    Lines in its trees are a `Position`. `wrong_tags`: of each parsed template, by its name.
    """

    wrong_tags: dict[str | None, WrongTags]

    @property
    def lexer(self) -> Lexer:
        return with_positions(super().lexer)

    def parse(
        self, source: str, name: str | None = None, filename: str | None = None
    ) -> nodes.Template:
        wrong = WrongTags([], set())
        self.wrong_tags[name] = wrong
        for attempt in range(_MOST_PARSED):
            try:
                return self._parse_shallow(source, name, filename)
            except RecursionError:
                raise TemplateSyntaxError(TOO_DEEP, 1, name, filename) from None
            except TemplateSyntaxError as error:
                faults = self._faults_in(source, error, is_first=attempt == 0)
                wrong.add(faults, name, filename)
                if not 0 < len(faults) < _MOST_FAULTS:
                    raise (wrong.errors or [error])[0] from None
            source = _without(source, faults)
        raise wrong.errors[0]

    def _parse_shallow(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return require_shallow(Parser(self, source, name, filename).parse(), name, filename)

    def _faults_in(
        self, source: str, error: TemplateSyntaxError, *, is_first: bool
    ) -> Sequence[Fault]:
        """Return the faults of a source that was refused with an error."""
        if error.message == TOO_DEEP:
            return []
        blocks = blocks_in(source)
        if is_first and self._has_usual_tags(blocks):
            found = _faults_alone(blocks, source, _ErrorsAlone(self._error_alone).of)
            faults = list(islice(found, _MOST_FAULTS))
            if faults:
                return faults
        return list(_fault_at(blocks, source, error))

    def _has_usual_tags(self, blocks: Iterable[Block]) -> bool:
        """Tell whether the tags have Jinja's syntax, and none is the app's own: only the app knows
        what may be in their blocks.
        """
        own: set[str] = set()
        for extension in self.extensions.values():
            if not type(extension).__module__.startswith("jinja2."):
                own.update(extension.tags)
        names = {tag.name for tag in chain.from_iterable(block.tags for block in blocks)}
        return own.isdisjoint(names) and _SYNTAX.items() <= vars(self).items()

    def _error_alone(self, source: str) -> TemplateSyntaxError | None:
        """Return what is wrong with a block that is parsed alone."""
        try:
            self._parse_shallow(source, None, None)
        except TemplateSyntaxError as error:
            if not (error.message or "").startswith(_OF_ITS_TEXTS):
                return error
        except RecursionError:
            return TemplateSyntaxError(TOO_DEEP, 1)
        except ValueError as error:  # of Python's int
            return TemplateSyntaxError(f"A number cannot be read: {error}.", 1)
        return None

    def refuse(self, error: TemplateSyntaxError) -> None:
        """Note what Jinja refuses when it compiles a template.

        The template's code is still made, and may fail at that place.
        """
        self.wrong_tags[error.name].errors.append(error)

    def get_template(self, name: str | Template, *args: Any, **options: Any) -> Template:
        template = super().get_template(name, *args, **options)
        if template is name:  # it was loaded before
            return template
        return self._noted(template)

    def select_template(self, *args: Any, **options: Any) -> Template:
        return self._noted(super().select_template(*args, **options))

    def _noted(self, template: Template) -> Template:
        """Return a template that was loaded, after its wrong tags are noted; else raise the first
        of them.
        """
        wrong = self.wrong_tags.get(template.name)
        if wrong is None:
            return template
        if wrong.errors and not is_noting():
            raise wrong.errors[0]
        note_wrong_tags(wrong.errors, template.name or "", wrong.words)
        return template


def _without(source: str, faults: Iterable[Fault]) -> str:
    """Return the source with stand-ins for wrong tags.

    A block without an end gets one: a child shows only blocks.
    """
    wrong: list[Tag] = []
    ends = ""
    for fault in faults:
        if fault.error and fault.error.message == _OPEN_BLOCK:
            ends += "{% endblock %}"
        else:
            wrong += fault.tags
    return without_tags(source, wrong) + ends


class _ErrorsAlone:
    """What is wrong with blocks that are parsed alone. With too many different ones, the others
    count as right.
    """

    def __init__(self, parse: Callable[[str], TemplateSyntaxError | None]) -> None:
        self._parse = parse
        self._errors: dict[str, TemplateSyntaxError | None] = {}

    def of(self, text: str) -> TemplateSyntaxError | None:
        if text not in self._errors and len(self._errors) < _MOST_ALONE:
            self._errors[text] = self._parse(text)
        return self._errors.get(text)


def _faults_alone(
    blocks: Iterable[Block],
    source: str,
    error_alone: Callable[[str], TemplateSyntaxError | None],
) -> Iterator[Fault]:
    """Yield the blocks of a source that are wrong by themselves.

    `error_alone`: returns what is wrong with the tags of a block, without its texts.
    """
    refused_engines: set[str] = set()
    for block in blocks:
        text = block.without_texts
        error = error_alone(text)
        tag = block.tags[0]
        if error:
            tag = block.tag_at(_offset_of(error, text))
        other = recognise(tag.text, source)
        if error and other.engine:
            refused_engines.add(other.engine)
        # An expression that Jinja can read, as the `{{else}}` of Handlebars.
        is_of_refused_engine = other.engine in refused_engines and not other.sentence
        if error or is_of_refused_engine or not block.is_nested:
            error = error or TemplateSyntaxError(block.message, 1)
            yield Fault(block.tags, _placed(error, tag, source))


def _fault_at(blocks: Iterable[Block], source: str, error: TemplateSyntaxError) -> Iterator[Fault]:
    """Yield the fault of the tag with an error that only the whole file shows,
    if a tag is there.
    """
    offset = _offset_of(error, source)
    for block in blocks:
        for tag in block.tags:
            is_stand_in = tag.text.startswith("{{__")
            if tag.start <= offset < tag.end and not is_stand_in:
                yield Fault(block.tags, _placed(error, tag, source))


def _offset_of(error: TemplateSyntaxError, source: str) -> int:
    """Return the offset of the tag with an error."""
    position = position_of(error.lineno)
    lines_before = source.split("\n")[: position.line - 1]
    return sum(len(line) + 1 for line in lines_before) + position.column - 1


def _placed(error: TemplateSyntaxError, tag: Tag, source: str) -> TemplateSyntaxError | None:
    """Return the error of a tag at its place in the source, or that of its engine; None if there is
    nothing to say.
    """
    other = recognise(tag.text, source)
    start = tag.start
    if other.engine and tag.is_closed:
        start += tag.text.index(tag.name)
    line, column = line_and_column(source, start)
    lines_below = error.lineno - position_of(error.lineno).line
    position = Position.at(line + lines_below, line, column)
    if other.engine:
        return TagOfAnotherEngine(other.sentence, other.engine, position)
    if not error.message:
        return None
    return TemplateSyntaxError(error.message, position)
