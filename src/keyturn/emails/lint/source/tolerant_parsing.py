"""Parses a template beyond its mistakes in syntax: each wrong tag is noted, and becomes a stand-in of the same length.

So other mistakes in the file are still found at their lines. A tag that prints becomes `{{__}}`, another one a comment.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from time import thread_time
from typing import Any

from jinja2 import Environment, Template, TemplateAssertionError, TemplateSyntaxError, nodes

from keyturn.emails.gallery.variables.missing_names import is_noting, note_wrong_tags
from keyturn.mail.rendering.html_tree import splice

STAND_IN = "__"
"""The global whose value stands in for a tag, and the filter and the test that stand in for unknown ones."""

_LONGEST = 1.0
"""Seconds of processor time to find more than a file's first mistake. Most mistakes take two more parses."""

_TAG = re.compile(
    r"\{#(?:(?!\{#).)*?#\}|(?P<tag>\{%[-+]?\s*(?P<name>\w*)(?:(?!\{%).)*?%\}|\{\{(?:(?!\{\{|\{%).)*?\}\})"
    r"|(?P<broken>\{[%{#][^{}<>\"\n]*\}?)",
    re.DOTALL,
)
_UNKNOWN = re.compile(r"unknown tag '(\w+)'")
_UNCLOSED = re.compile(r"to be closed is '(\w+)'")
_FOLLOWS = re.compile(r"^Unexpected end of template|unknown tag '(?:end|el)|Jinja was looking for")
"""Mistakes that an earlier one of the same file may have caused."""

_WORD = re.compile(r"[^\W\d]\w*")
_WITH_ARGUMENT = re.compile(r"\|\s*\w+:[\"'\w]")
_PRINTS = frozenset({"cycle", "firstof", "now", "static", "trans", "translate", "url", "widthratio"})


class TolerantEnvironment(Environment):
    """An environment whose templates have stand-ins for wrong tags, which are noted when the template is loaded.

    Where nobody notes faults, the first is raised.
    """

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        wrong, words = self._wrong[name] = list[TemplateSyntaxError](), set[str]()
        ends = thread_time() + _LONGEST
        while not wrong or thread_time() < ends:
            try:
                tree = super()._parse(source, name, filename)
            except TemplateSyntaxError as error:
                if not (wrong and _FOLLOWS.search(error.message or "")):
                    wrong.append(error)
                if (tags := self._wrong_tags(source, error, ends, name, filename)) is None:
                    break
                source = _without(source, tags)
                words |= {word for tag in tags for word in _WORD.findall(tag[0])}
            except RecursionError:
                wrong.append(TemplateSyntaxError("An expression is nested too deeply.", 1, name, filename))
                break
            else:
                wrong += self._refused_in(tree)
                return tree
        raise wrong[0]

    def _refused_in(self, tree: nodes.Template) -> Iterator[TemplateSyntaxError]:
        """Yield what Jinja refuses when it compiles a tree, which gets stand-ins. In an `if` it refuses nothing."""
        known: dict[type, Mapping[str, Any]] = {nodes.Filter: self.filters, nodes.Test: self.tests}
        parts = (nodes.Filter, nodes.Test)
        soft = {id(part) for one in tree.find_all((nodes.If, nodes.CondExpr)) for part in one.find_all(parts)}
        for part in tree.find_all(parts):
            if id(part) not in soft and known[type(part)].get(part.name) is None:
                kind = type(part).__name__.lower()
                yield TemplateAssertionError(f"No {kind} named {part.name!r}.", part.lineno)
                part.name = STAND_IN
        blocks = set[str]()
        for block in tree.find_all(nodes.Block):
            if block.name in blocks:
                yield TemplateAssertionError(f"block {block.name!r} defined twice", block.lineno)
                block.name = f"{block.name}{STAND_IN}{len(blocks)}"
            blocks.add(block.name)

    def _wrong_tags(
        self, source: str, error: TemplateSyntaxError, ends: float, name: str | None, filename: str | None
    ) -> Sequence[re.Match[str]] | None:
        """Return the first suspects without which parsing gets further, or None if the time `ends` before."""
        for tags in takewhile(lambda _: thread_time() < ends, _suspects(source, error)):
            try:
                super()._parse(_without(source, tags), name, filename)
            except TemplateSyntaxError as other:
                same = (other.message, other.lineno) == (error.message, error.lineno)
                if same and _column_of(other) <= _column_of(error):  # and not the next of its kind in the line
                    continue
            return tags
        return None

    def _load_template(self, name: str, globals: Any) -> Template:  # noqa: A002 - Jinja's name
        template = super()._load_template(name, globals)
        wrong, words = self._wrong.get(template.name, ((), set[str]()))
        if wrong and not is_noting():
            raise wrong[0]
        note_wrong_tags(wrong, name, words)
        return template

    @property
    def _wrong(self) -> dict[str | None, tuple[list[TemplateSyntaxError], set[str]]]:
        """The errors of each parsed template, in the order in which they were found, and the words in wrong tags."""
        wrong: dict[str | None, tuple[list[TemplateSyntaxError], set[str]]] = self.__dict__.setdefault("wrong_tags", {})
        return wrong


def _suspects(source: str, error: TemplateSyntaxError) -> Iterator[Sequence[re.Match[str]]]:
    """Yield the tags that may be wrong, the likeliest first; together those of one kind."""
    tags = [one for one in _TAG.finditer(source) if not one[0].startswith(("{{__", "{#")) or one["broken"]]
    message = error.message or ""
    if unknown := _UNKNOWN.search(message):
        yield [tag for tag in tags if tag["name"] == unknown[1]]
    elif unclosed := _UNCLOSED.search(message):
        yield from ([tag] for tag in reversed(_opened(tags, unclosed[1])))
    lines = source.split("\n")[: error.lineno]
    end = sum(len(line) + 1 for line in lines)
    there = [tag for tag in tags if tag.start() < end and tag.end() >= end - len(lines[-1]) - 1]
    line_of_tag = getattr(error.lineno, "line", error.lineno)
    at = sum(len(line) + 1 for line in lines[: line_of_tag - 1]) + _column_of(error) - 1
    here = [tag for tag in tags if tag.start() <= at < tag.end()]
    if any(_WITH_ARGUMENT.search(tag[0]) for tag in here or there):
        yield [tag for tag in tags if _WITH_ARGUMENT.search(tag[0])]
    yield from ([tag] for tag in (*here, *sorted(there, key=lambda tag: not tag["broken"])))


def _column_of(error: TemplateSyntaxError) -> int:
    """Return where the tag of an error starts in its line, which the tokens of `origins` know."""
    return getattr(error.lineno, "column", 1)


def _opened(tags: Iterable[re.Match[str]], block: str) -> list[re.Match[str]]:
    """Return the tags of a kind that are not closed."""
    opened: list[re.Match[str]] = []
    for tag in tags:
        if tag["name"] == block:
            opened.append(tag)
        elif tag["name"] == f"end{block}" and opened:
            opened.pop()
    return opened


def _without(source: str, tags: Iterable[re.Match[str]]) -> str:
    return splice(source, ((*tag.span(), _stand_in(source, tag)) for tag in tags))


def _stand_in(source: str, tag: re.Match[str]) -> str:
    start, end = ("{{__", "}}") if _prints(source, tag) and len(tag[0]) >= len("{{__}}") else ("{#", "#}")
    inside = re.sub(r"[^\n]", " ", tag[0])[len(start) : len(tag[0]) - len(end)]
    return f"{start}{inside}{end}" if len(tag[0]) >= len(start + end) else " " * len(tag[0])


def _prints(source: str, tag: re.Match[str]) -> bool:
    """Tell whether a tag may print. A statement that is alone on its lines usually prints nothing."""
    if tag[0].startswith("{{") or tag["name"] in _PRINTS:
        return True
    line = source[source.rfind("\n", 0, tag.start()) + 1 : (source + "\n").index("\n", tag.end())]
    return not (tag["name"] or "end").startswith("end") and bool(_TAG.sub("", line).strip())
