"""Writes the rules of `<mj-style inline="inline">` into the tags, since mrml leaves them in the
head.

css-inline matches the rules in a copy with numbered tags. Its output is not sent, because it
changes white space and `&nbsp;`.
"""

import re
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from css_inline import CSSInliner

from keyturn.mail.rendering.html_tree import Element, parse_html, splice

_NUMBER = "data-keyturn-tag"

# A string, a comment or an escape is one match, since it may hold a semicolon. A bracket opens or
# closes a level.
_TOKEN = re.compile(
    r"""/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|[()\[\]{};]""", re.DOTALL
)
_OPENING = {"(", "[", "{"}
_CLOSING = {")", "]", "}"}
_IMPORTANT = re.compile(r"!\s*important(?:\s|/\*(?:[^*]|\*(?!/))*\*/)*\Z", re.IGNORECASE)


class _Declaration(NamedTuple):
    """A declaration as `name:value;`, escaped for an attribute, without the word `!important`."""

    text: str
    is_important: bool


def inline_css(html: str, css: str) -> tuple[str, str]:
    """Return the HTML with the rules in its tags, and the CSS that cannot be inlined, such as
    at-rules and :hover.
    """
    tags = list(parse_html(html).walk())
    numbered = splice(
        html, [(tag.offset, tag.inner.start, _numbered_tag(html, tag)) for tag in tags]
    )
    copy = numbered.replace("</head>", f"<style>{css}</style></head>", 1)
    inliner = CSSInliner(
        keep_style_tags=True,
        keep_at_rules=True,
        remove_inlined_selectors=True,
        load_remote_stylesheets=False,
    )
    inlined = inliner.inline(copy)
    styles = _styles_by_number(inlined)
    changes = []
    for tag in tags:
        inlined_style = styles.get(str(tag.number), "")
        changes.append((tag.offset, tag.inner.start, _styled_tag(html, tag, inlined_style)))
    left, end, _ = inlined.partition("<style>")[2].partition("</style>")
    return splice(html, changes), left if end else ""


def _numbered_tag(html: str, tag: Element) -> str:
    """Return the start tag with its number, and without its own style."""
    start, end = _place_of_style(html, tag)
    name = html[tag.offset : tag.behind_name]
    ignored = ' data-css-inline="ignore"' if tag.tag == "style" else ""
    number = f' {_NUMBER}="{tag.number}"{ignored}'
    attributes = html[tag.behind_name : start] + html[end : tag.inner.start]
    return f"{name}{number}{attributes}"


def _styles_by_number(html: str) -> dict[str, str]:
    styles: dict[str, str] = {}
    for tag in parse_html(html).walk():
        if _NUMBER in tag.attributes:
            styles.setdefault(tag.get(_NUMBER), tag.get("style"))
    return styles


def _styled_tag(html: str, tag: Element, css: str) -> str:
    """Return the start tag with the rules' declarations before its own, which so win (CSS Cascade
    4, 6.1).

    Important ones follow, without the word `!important`: Outlook for Windows drops a declaration in
    a tag that has it.
    """
    declarations = list(_declarations(css))
    if not declarations:
        return html[tag.offset : tag.inner.start]
    before = "".join(one.text for one in declarations if not one.is_important)
    behind = "".join(one.text for one in declarations if one.is_important)
    own = _own_style(html, tag)
    if own and behind and not own.endswith(";"):
        own += ";"
    start, end = _place_of_style(html, tag)
    return f'{html[tag.offset : start]} style="{before}{own}{behind}"{html[end : tag.inner.start]}'


def _own_style(html: str, tag: Element) -> str:
    """Return the value of the tag's style attribute as it is written."""
    style = tag.attributes.get("style")
    if not style or not style.value:
        return ""
    return html[style.value_offset : style.end].removesuffix('"').rstrip()


def _declarations(style: str) -> Iterator[_Declaration]:
    """Yield the declarations of a style of css-inline, which all end with a semicolon."""
    level = 0
    begin = 0
    for token in _TOKEN.finditer(style):
        if token[0] == ";" and level == 0:
            name, _, value = style[begin : token.start()].partition(":")
            plain = _IMPORTANT.sub("", value)
            text = escape(f"{name.strip()}:{plain.strip()};", quote=False).replace('"', "&quot;")
            yield _Declaration(text, is_important=plain != value)
            begin = token.end()
        if token[0] in _OPENING:
            level += 1
        elif token[0] in _CLOSING:
            level = max(level - 1, 0)


def _place_of_style(html: str, tag: Element) -> tuple[int, int]:
    """Return the range of the style attribute with the blank before it.

    Without that attribute it is an empty range behind the tag's name.
    """
    style = tag.attributes.get("style")
    if not style:
        return tag.behind_name, tag.behind_name
    before = html[tag.offset : style.offset].rstrip()
    return tag.offset + len(before), style.end
