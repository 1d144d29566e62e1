"""Tags in a template's source, right ones and wrong ones, and the blocks that they form.

Jinja's lexer stops at the first wrong tag, and reads what follows a tag without an end as a part of
it. So these tags are found by their braces: each ends where the next one begins, at the latest.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

_OPENING = re.compile(r"\{[%{#][^{}<>\"\n]*\}?")  # with the first words of the tag
_STRING = r"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'"
_DECIDING = re.compile(rf"{_STRING}|\{{[%{{]|%\}}|[{{}}]", re.DOTALL)  # on the end of a tag
_CLOSING = {"{{": "}}", "{%": "%}"}
_DELIMITERS = ("{{", "{%", "}}", "%}")
_NAME = re.compile(r"\{%[-+]?\s*(\w+)")
_ENDS_OF_TEXTS = {
    "comment": re.compile(r"\{%[-+]?\s*endcomment\s*[-+]?%\}"),
    "raw": re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}"),
    "{#": re.compile(r"#\}"),
}
_WITH_VALUE = re.compile(r"\{%[-+]?\s*set\b[\w\s.,()]+=")  # a `{% set %}` that needs no end tag
_STARTS = frozenset(
    {"autoescape", "block", "call", "filter", "for", "if", "macro", "set", "trans", "with"}
)
_BETWEEN = frozenset({"elif", "else", "empty", "plural", "pluralize"})


class Tag(NamedTuple):
    """A tag in a source.

    `text`: as it is written; of a tag that is not closed, its first words.
    `name`: the first word of a statement; empty for an expression, and for a comment of Django.
    """

    start: int
    text: str
    name: str
    is_closed: bool = True

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_comment(self) -> bool:
        """Whether it is a `{% comment %}` with its text."""
        return self.is_closed and not self.name and self.text.startswith("{%")


def tags_in(source: str) -> Iterator[Tag]:
    """Yield all tags outside of comments and `{% raw %}`.

    A `{% comment %}` of other engines is one tag, with its text.
    """
    at = 0
    ends = dict(_ENDS_OF_TEXTS)
    while opening := _OPENING.search(source, at):
        tag = _tag_at(opening)
        end = _end_of_text(tag, source, ends)
        at = end or tag.end
        if end is None:
            yield tag
        elif tag.name == "comment":
            yield Tag(tag.start, source[tag.start : end], "")


def _tag_at(opening: re.Match[str]) -> Tag:
    start = opening.start()
    end = _end_of_tag(opening.string, start)
    text = opening.string[start:end] if end else opening[0]
    name = _NAME.match(text)
    return Tag(start, text, name[1] if name else "", is_closed=bool(end))


def _end_of_tag(source: str, start: int) -> int | None:
    """Return the offset behind a tag; None if it is a comment or is not closed before the next."""
    closing = _CLOSING.get(source[start : start + 2])
    if closing is None:
        return None
    depth = 0  # of braces within the tag, as of a dictionary
    for found in _DECIDING.finditer(source, start + 2):
        mark = found[0]
        if mark == "{":
            depth += 1
        elif mark == "}" and depth:
            depth -= 1
        elif mark == "}":
            mark = source[found.start() : found.start() + 2]
        if mark == closing:
            return found.start() + 2
        if mark in _DELIMITERS:
            return None
    return None


def _end_of_text(tag: Tag, source: str, ends: dict[str, re.Pattern[str]]) -> int | None:
    """Return where the text ends that a tag begins, such as a comment.

    None for other tags, and if the end is missing. `ends`: those that may follow.
    """
    kind = tag.name if tag.is_closed else tag.text[:2]
    if kind not in ends:
        return None
    end = ends[kind].search(source, tag.start + 2)
    if end is None:
        del ends[kind]  # thousands of `{#` without an end are not searched again
        return None
    return end.end()


class Block(NamedTuple):
    """The tags of a block from its start to its end, or another tag alone.

    `is_nested`: False if its end is missing, or is behind that of a block around it.
    `message`: says so; empty if another tag is why.
    """

    tags: list[Tag]
    is_nested: bool = True
    message: str = ""

    @property
    def without_texts(self) -> str:
        """The tags alone, with an end that Jinja can parse."""
        texts = [tag.text for tag in self.tags]
        has_end = self.is_nested or self.tags[-1].name.startswith("end")
        if not has_end:
            texts.append(f"{{% end{self.tags[0].name} %}}")
        # Without the blank at its end, Jinja does not miss the end of a comment.
        return "".join([*texts, " "])

    def tag_at(self, offset: int) -> Tag:
        """Return the tag at an offset of `without_texts`; the first for the end that it lacks."""
        end = 0
        for tag in self.tags:
            end += len(tag.text)
            if offset < end:
                return tag
        return self.tags[0]


def blocks_in(source: str) -> list[Block]:
    """Return the blocks, and the tags outside of blocks, in the order of their first tags."""
    tags = list(tags_in(source))
    pairs = _Pairs({tag.name for tag in tags})
    for tag in tags:
        pairs.add(tag)
    pairs.end_all()
    return sorted(pairs.blocks)


class _Pairs:
    """Pairs the starts and ends of blocks.

    `names`: of all tags. One with an end tag anywhere starts a block, too, as an app's own may.
    """

    def __init__(self, names: set[str]) -> None:
        self.blocks: list[Block] = []
        self._names = names
        self._open: list[list[Tag]] = []
        self._open_names = Counter[str]()
        # The blocks that the end of an outer one has ended, by name: their own end may follow.
        self._crossed = defaultdict[str, list[list[Tag]]](list)
        self._has_stray_end = False

    def add(self, tag: Tag) -> None:
        """Take the next tag of the source."""
        if tag.name.startswith("end"):
            self._end(tag)
        elif tag.name in _BETWEEN and self._open and self._open[-1][0].name != "block":
            self._open[-1].append(tag)
        elif self._starts_block(tag):
            self._open.append([tag])
            self._open_names[tag.name] += 1
        else:
            self.blocks.append(Block([tag]))

    def _end(self, end: Tag) -> None:
        name = end.name.removeprefix("end")
        if self._open_names[name]:
            self._end_open(name, end)
        elif self._crossed[name]:
            self._crossed[name].pop().append(end)
        else:
            self._has_stray_end = True
            self.blocks.append(Block([end]))

    def _end_open(self, name: str, end: Tag) -> None:
        """End the innermost block of this name, and those that are open within it."""
        while True:
            tags = self._open.pop()
            own = tags[0].name
            self._open_names[own] -= 1
            if own == name:
                self.blocks.append(Block([*tags, end]))
                return
            message = f"'{own}' is not closed before '{end.name}'."
            self.blocks.append(Block(tags, is_nested=False, message=message))
            self._crossed[own].append(tags)

    def _starts_block(self, tag: Tag) -> bool:
        is_start = tag.name in _STARTS or f"end{tag.name}" in self._names
        return bool(tag.name) and is_start and not _WITH_VALUE.match(tag.text)

    def end_all(self) -> None:
        """End what is open at the end of the source."""
        for tags in self._open:
            message = "" if self._has_stray_end else f"'{tags[0].name}' is not closed."
            self.blocks.append(Block(tags, is_nested=False, message=message))
