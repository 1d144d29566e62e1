"""`<mj-style inline="inline">`: mrml, the compiler, leaves it in the head, so its rules are written into the tags here.

css-inline matches the rules. What it returns is not sent: it serialises the whole document anew, with other white
space in styles and characters for `&nbsp;`. So it is given a copy in which the tags are numbered, and all that changes
in the mail are `style` attributes. Comments, and with them the tables that Outlook reads, stay as they were compiled.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from itertools import accumulate

import tinycss2
from css_inline import CSSInliner
from tinycss2.ast import Declaration

_NAME = re.compile(r"<[^\s/>]+")
_ATTRIBUTE = re.compile(r"""\s+([^\s"'<>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
_NUMBER = "data-keyturn-tag"
_LEFT = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Tag:
    """A start tag as it is written."""

    offset: int
    text: str
    name: str
    attributes: dict[str, str]

    def style(self) -> tuple[int, int, str]:
        """Return where the style attribute stands in the text, from the blank before it on, and its value as written.

        A tag without one has an empty place for it, behind the name.
        """
        behind_name = _end_of_name(self.text)
        for found in _ATTRIBUTE.finditer(self.text, behind_name):
            if found[1].lower() == "style":
                return found.start(), found.end(), found[2] or ""
        return behind_name, behind_name, ""


def inline_css(html: str, css: str) -> tuple[str, str]:
    """Return the HTML with the rules in its tags, and the CSS that no tag can hold.

    That is at-rules, :hover and its like, and what matches nothing in this mail.
    """
    tags = _read(html)
    copy = _rewrite_tags(html, tags, _number_elements).replace("</head>", f"<style>{css}</style></head>", 1)
    inliner = CSSInliner(
        keep_style_tags=True, keep_at_rules=True, remove_inlined_selectors=True, load_remote_stylesheets=False
    )
    drawn = inliner.inline(copy)
    styles = {tag.attributes[_NUMBER]: tag.attributes.get("style", "") for tag in _read(drawn)[::-1] if _is_one(tag)}
    left = _LEFT.search(drawn)
    return _rewrite_tags(html, tags, lambda number, tag: _style_tag(tag, styles.get(str(number), ""))), left[
        1
    ] if left else ""


def _read(html: str) -> list[_Tag]:
    reader = _Reader(html)
    reader.feed(html)
    reader.close()
    return reader.tags


class _Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[_Tag] = []
        self._lines = list(accumulate((len(line) + 1 for line in html.split("\n")), initial=0))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, column = self.getpos()
        attributes = {name: value or "" for name, value in reversed(attrs)}
        self.tags.append(_Tag(self._lines[line - 1] + column, self.get_starttag_text() or "", tag, attributes))


def _is_one(tag: _Tag) -> bool:
    return _NUMBER in tag.attributes


def _rewrite_tags(html: str, tags: Sequence[_Tag], rewrite: Callable[[int, _Tag], str]) -> str:
    parts, behind = [], 0
    for number, tag in enumerate(tags):
        parts += [html[behind : tag.offset], rewrite(number, tag)]
        behind = tag.offset + len(tag.text)
    return "".join([*parts, html[behind:]])


def _number_elements(number: int, tag: _Tag) -> str:
    """Return the tag for the copy: without its own style, which css-inline would have to understand to keep."""
    start, end, _ = tag.style()
    ignored = ' data-css-inline="ignore"' if tag.name == "style" else ""
    text = tag.text[:start] + tag.text[end:]
    behind_name = _end_of_name(text)
    return f'{text[:behind_name]} {_NUMBER}="{number}"{ignored}{text[behind_name:]}'


def _style_tag(tag: _Tag, given: str) -> str:
    """Return the tag with the declarations of rules in its style.

    They stand before its own, which so win (CSS Cascade 4, 6.1), the important ones behind them, without the word:
    Outlook for Windows drops a declaration in a tag that has it.
    """
    declarations = [node for node in tinycss2.parse_blocks_contents(given) if isinstance(node, Declaration)]
    if not declarations:
        return tag.text
    first, last = ("".join(_write_tag(one) for one in declarations if one.important is so) for so in (False, True))
    start, end, value = tag.style()
    own = value.strip('"').rstrip()  # the compiler writes double quotes
    between = ";" if own and last and not own.endswith(";") else ""
    return f'{tag.text[:start]} style="{first}{own}{between}{last}"{tag.text[end:]}'


def _write_tag(declaration: Declaration) -> str:
    return escape(f"{declaration.name}:{tinycss2.serialize(declaration.value).strip()};")


def _end_of_name(tag: str) -> int:
    found = _NAME.match(tag)
    return found.end() if found else 1
