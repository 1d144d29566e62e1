"""Writes the rules of `<mj-style inline="inline">` into the tags, since mrml leaves them in the
head.

css-inline matches the rules in a copy with numbered tags. Its output is not sent: it changes white
space and `&nbsp;`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape

from css_inline import CSSInliner

from keyturn.mail.rendering.html_tree import Element, parse_html, splice

_NUMBER = "data-keyturn-tag"

# What may hold a semicolon is one match: a string, a comment, an escape. A bracket opens or closes
# a level.
_TOKEN = re.compile(
    r"""/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|[()\[\]{};]""", re.DOTALL
)
_OPENING, _CLOSING = {"(", "[", "{"}, {")", "]", "}"}
_IMPORTANT = re.compile(r"!\s*important(?:\s|/\*(?:[^*]|\*(?!/))*\*/)*\Z", re.IGNORECASE)


def inline_css(html: str, css: str) -> tuple[str, str]:
    """Return the HTML with the rules in its tags, and the CSS that cannot be inlined, such as
    at-rules and :hover.
    """
    tags = [*parse_html(html).walk()]
    copy = _rewrite_tags(html, tags, _number_elements).replace(
        "</head>", f"<style>{css}</style></head>", 1
    )
    inliner = CSSInliner(
        keep_style_tags=True,
        keep_at_rules=True,
        remove_inlined_selectors=True,
        load_remote_stylesheets=False,
    )
    inlined = inliner.inline(copy)
    styles = {
        tag.get(_NUMBER): tag.get("style")
        for tag in [*parse_html(inlined).walk()][::-1]
        if _NUMBER in tag.attributes
    }
    left, end, _ = inlined.partition("<style>")[2].partition("</style>")
    sent = _rewrite_tags(
        html, tags, lambda source, tag: _style_tag(source, tag, styles.get(str(tag.number), ""))
    )
    return sent, left if end else ""


def _rewrite_tags(
    html: str, tags: Sequence[Element], rewrite: Callable[[str, Element], str]
) -> str:
    return splice(html, ((tag.offset, tag.inner.start, rewrite(html, tag)) for tag in tags))


def _number_elements(html: str, tag: Element) -> str:
    start, end = _place_of_style(html, tag)
    ignored = ' data-css-inline="ignore"' if tag.tag == "style" else ""
    number = f' {_NUMBER}="{tag.number}"{ignored}'
    name = html[tag.offset : tag.behind_name]
    attributes_before = html[tag.behind_name : start]
    attributes_after = html[end : tag.inner.start]
    return f"{name}{number}{attributes_before}{attributes_after}"


def _style_tag(html: str, tag: Element, css: str) -> str:
    """Return the tag with the rules' declarations before its own, which so win (CSS Cascade 4,
    6.1).

    Important ones follow, without the word `!important`: Outlook for Windows drops a declaration in
    a tag that has it.
    """
    declarations = list(_declarations(css))
    if not declarations:
        return html[tag.offset : tag.inner.start]
    first, last = (
        "".join(one for one, is_important in declarations if is_important is so)
        for so in (False, True)
    )
    start, end = _place_of_style(html, tag)
    style = tag.attributes.get("style")
    own = (
        html[style.value_offset : style.end].removesuffix('"').rstrip()
        if style and style.value
        else ""
    )
    between = ";" if own and last and not own.endswith(";") else ""
    return (
        f"{html[tag.offset : start]} "
        f'style="{first}{own}{between}{last}"{html[end : tag.inner.start]}'
    )


def _declarations(style: str) -> Iterator[tuple[str, bool]]:
    """Yield each declaration of css-inline's style as `name:value;`, and whether it is important,
    without the word.
    """
    level = begin = 0
    for token in _TOKEN.finditer(style):
        if token[0] == ";" and level == 0:
            name, _, value = style[begin : token.start()].partition(":")
            plain = _IMPORTANT.sub("", value)
            yield (
                escape(f"{name.strip()}:{plain.strip()};", quote=False).replace('"', "&quot;"),
                plain != value,
            )
            begin = token.end()
        level = max(level + (token[0] in _OPENING) - (token[0] in _CLOSING), 0)


def _place_of_style(html: str, tag: Element) -> tuple[int, int]:
    """Return the range of the style attribute with the blank before it; an empty range after the
    name without one.
    """
    if style := tag.attributes.get("style"):
        return tag.offset + len(html[tag.offset : style.offset].rstrip()), style.end
    return tag.behind_name, tag.behind_name
