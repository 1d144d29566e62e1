"""Stand-ins for wrong tags of a source.

Each has the length and the lines of its tag, so that all else keeps its place: a tag that prints
becomes `{{__}}`, another one a comment.
"""

import re
from collections.abc import Iterable

from keyturn.mail.rendering.html_tree import splice
from keyturn.studio.lint.source.tags import Tag, blocks_in, tags_in

STAND_IN = "__"  # the global whose value stands in for a tag

_INCLUDED = re.compile(r"\{%[-+]?\s*include\s+(?:\"[^\"]*\"|'[^']*')(?=\s+(?:with|only)\b)")
_PRINTS = frozenset(
    {"cycle", "firstof", "now", "static", "trans", "translate", "url", "widthratio"}
)
_BESIDE = 99  # characters beside a tag that are looked at


def without_tags(
    source: str, wrong: Iterable[Tag], before: str = "{{" + STAND_IN, after: str = "}}"
) -> str:
    """Return a source with stand-ins for these tags.

    `before`, `after`: around the stand-in of a tag that prints; by default, those of Jinja.
    """
    changes = [(tag.start, tag.end, _stand_in(source, tag, before, after)) for tag in wrong]
    return splice(source, changes)


def without_block_at(source: str, start: int) -> str:
    """Return a template of Django with stand-ins for the tag there and the others of its block."""
    wrong = [tag for tag in tags_in(source) if tag.start == start]
    for block in blocks_in(source):
        if block.is_nested and block.tags[0].start == start:
            wrong = block.tags
    return without_tags(source, wrong, "[[", "]]")


def _stand_in(source: str, tag: Tag, before: str, after: str) -> str:
    included = _INCLUDED.match(tag.text)
    if included:  # only the arguments of another engine go
        return _blank(tag.text, included[0], tag.text[-2:])
    if _prints(source, tag) and len(tag.text) >= len(before + after):
        return _blank(tag.text, before, after)
    if len(tag.text) >= len("{##}"):
        return _blank(tag.text, "{#", "#}")
    return _blank(tag.text, "", "")


def _prints(source: str, tag: Tag) -> bool:
    """Tell whether a tag may print. A statement that stands apart usually prints nothing."""
    if tag.text.startswith("{{"):
        return True
    if not tag.is_closed:
        return False
    if tag.name in _PRINTS:
        return True
    if not tag.name or tag.name.startswith("end"):
        return False
    before = source[max(tag.start - _BESIDE, 0) : tag.start].rstrip(" \t")
    after = source[tag.end : tag.end + _BESIDE].lstrip(" \t")
    beside = before[-1:] + after[:1]
    return bool(beside.strip("{}\n"))


def _blank(text: str, start: str, end: str) -> str:
    """Return blanks and the line breaks of the text between a start and an end."""
    inside = re.sub(r"[^\n]", " ", text[len(start) : len(text) - len(end)])
    return f"{start}{inside}{end}"
