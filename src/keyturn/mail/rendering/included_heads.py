"""Moves the heads of included documents into the mail's own head, as MJML's own compiler does."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

INCLUDED_STYLE = '<mjml type="css"><mj-head>{}</mj-head></mjml>'
"""The document that an included stylesheet becomes: its style goes to the end of the head."""

_IS_STYLE = re.compile(r'\stype="css"')
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<end>/?)(?P<tag>mjml|mj-head|mj-body)(?![\w-])(?P<attributes>[^<>]*?)(?P<alone>/?)>",
    re.DOTALL,
)


def lift_heads(mjml: str) -> str:
    """Return a mail and all that it includes as one document."""
    return "".join(mjml[part.start : part.stop] for part in parts_in_order(mjml))


def parts_in_order(mjml: str) -> Sequence[range]:
    """Return the ranges of the source that make one document, in order.

    The heads of included documents follow the mail's own head, and included stylesheets come last.
    The tags mjml, mj-head and mj-body of included documents are left out.
    """
    if mjml.count("<mjml") < 2:
        return [range(len(mjml))]
    return _Reader(mjml).read()


@dataclass(eq=False)
class _Document:
    """A mail or a document that it includes, as ranges of the source.

    `is_style`: it is an included stylesheet.
    `is_in_head`: what is read now belongs to its head.
    `heads`: heads of the documents that its body includes.
    `styles`: the stylesheets that it includes.
    """

    is_style: bool = False
    is_in_head: bool = False
    head: list[range] = field(default_factory=list)
    body: list[range] = field(default_factory=list)
    heads: list[range] = field(default_factory=list)
    styles: list[range] = field(default_factory=list)

    def take(self, start: int, stop: int) -> None:
        """Add a range of the source to the head or to the body."""
        part = self.head if self.is_in_head else self.body
        part.append(range(start, stop))

    def include(self, other: "_Document") -> None:
        """Add a document that is included at this place."""
        if other.is_style:
            self.styles += other.head
        elif self.is_in_head:
            self.head += [*other.head, *other.body, *other.heads, *other.styles]
        else:
            self.heads += [*other.head, *other.heads, *other.styles]
            self.body += other.body


class _Reader:
    """Reads a mail from start to end, and takes its parts into documents.

    `_open`: the mail, and within it the included documents that have not ended.
    `_before`: the mail up to its head.
    `_start_of_head`, `_end_of_head`: the tags of an included head, for a mail without a head of its
    own. If no included head has an end tag, the whole head has none either, which the compiler
    reports.
    `_behind`: the offset behind what was taken.
    """

    def __init__(self, mjml: str) -> None:
        self._mjml = mjml
        self._mail = _Document()
        self._open = [self._mail]
        self._before: list[range] = []
        self._is_started = False
        self._has_head = False
        self._start_of_head: range | None = None
        self._end_of_head: range | None = None
        self._behind = 0

    def read(self) -> Sequence[range]:
        """Return the ranges that make one document."""
        for found in _TAG.finditer(self._mjml):
            if found["tag"]:  # no comment
                self._read_tag(found)
        self._open[-1].take(self._behind, len(self._mjml))
        while len(self._open) > 1:  # documents without an end tag
            self._end_included()
        return [*self._before, *self._whole_head(), *self._mail.body]

    def _read_tag(self, found: re.Match[str]) -> None:
        is_start = not found["end"] and not found["alone"]
        if found["tag"] == "mjml" and is_start:
            if self._is_started:
                self._start_included(found)
            else:
                self._start_mail(found)
        elif len(self._open) > 1:
            self._take_up_to(found)
            self._read_tag_of_included(found, is_start=is_start)
        elif found["tag"] == "mj-head":
            self._read_head_of_mail(found, is_start=is_start)

    def _take_up_to(self, found: re.Match[str]) -> None:
        """Take the source up to a tag, and skip the tag."""
        self._open[-1].take(self._behind, found.start())
        self._behind = found.end()

    def _start_mail(self, found: re.Match[str]) -> None:
        self._is_started = True
        self._before.append(range(found.end()))
        self._behind = found.end()

    def _start_included(self, found: re.Match[str]) -> None:
        self._take_up_to(found)
        is_style = _IS_STYLE.search(found["attributes"]) is not None
        self._open.append(_Document(is_style=is_style))

    def _read_head_of_mail(self, found: re.Match[str], *, is_start: bool) -> None:
        if self._mail.is_in_head and found["end"]:
            self._mail.take(self._behind, found.start())
            self._mail.is_in_head = False
            self._behind = found.start()
        elif found["alone"]:  # a head without content, which would be a second head
            self._take_up_to(found)
        elif is_start and not self._has_head:
            self._before += [*self._mail.body, range(self._behind, found.end())]
            self._mail.body = []
            self._mail.is_in_head = True
            self._has_head = True
            self._behind = found.end()

    def _read_tag_of_included(self, found: re.Match[str], *, is_start: bool) -> None:
        if found["tag"] == "mj-head":
            self._open[-1].is_in_head = is_start
            tag = range(found.start(), found.end())
            if is_start:
                self._start_of_head = self._start_of_head or tag
            elif found["end"]:
                self._end_of_head = self._end_of_head or tag
        elif found["tag"] == "mjml" and found["end"]:
            self._end_included()

    def _end_included(self) -> None:
        included = self._open.pop()
        self._open[-1].include(included)

    def _whole_head(self) -> Sequence[range]:
        mail = self._mail
        whole = [*mail.head, *mail.heads, *mail.styles]
        if self._has_head or not whole:
            return whole
        if self._start_of_head:
            whole.insert(0, self._start_of_head)
        if self._end_of_head:
            whole.append(self._end_of_head)
        return whole
