"""`<mj-style inline="inline">`: mrml, the compiler, leaves it in the head, so its rules are written into the tags here.

css-inline matches the rules. What it returns is not sent: it serialises the whole document anew, with other white
space in styles and characters for `&nbsp;`. So it is given a copy in which the tags are numbered, and all that changes
in the mail are `style` attributes. Comments, and with them the tables that Outlook reads, stay as they were compiled.
"""

from collections.abc import Callable, Sequence
from html import escape

import tinycss2
from css_inline import CSSInliner
from tinycss2.ast import Declaration

from keyturn.mail.rendering.html_tree import Element, parse_html, splice

_NUMBER = "data-keyturn-tag"


def inline_css(html: str, css: str) -> tuple[str, str]:
    """Return the HTML with the rules in its tags, and the CSS that no tag can hold.

    That is at-rules, :hover and its like, and what matches nothing in this mail.
    """
    tags = _tags(html)
    copy = _rewrite_tags(html, tags, _number_elements).replace("</head>", f"<style>{css}</style></head>", 1)
    inliner = CSSInliner(
        keep_style_tags=True, keep_at_rules=True, remove_inlined_selectors=True, load_remote_stylesheets=False
    )
    drawn = inliner.inline(copy)
    styles = {tag.get(_NUMBER): tag.get("style") for tag in _tags(drawn)[::-1] if _NUMBER in tag.attributes}
    left, end, _ = drawn.partition("<style>")[2].partition("</style>")
    sent = _rewrite_tags(html, tags, lambda source, tag: _style_tag(source, tag, styles.get(str(tag.number), "")))
    return sent, left if end else ""


def _tags(html: str) -> list[Element]:
    return [element for element in parse_html(html).walk() if element.tag]


def _rewrite_tags(html: str, tags: Sequence[Element], rewrite: Callable[[str, Element], str]) -> str:
    """Return the HTML with what `rewrite` makes of each start tag, which it is given with the HTML."""
    return splice(html, ((tag.offset, tag.inner.start, rewrite(html, tag)) for tag in tags))


def _number_elements(html: str, tag: Element) -> str:
    """Return the tag for the copy: without its own style, which css-inline would have to understand to keep."""
    start, end = _place_of_style(html, tag)
    ignored = ' data-css-inline="ignore"' if tag.tag == "style" else ""
    number = f' {_NUMBER}="{tag.number}"{ignored}'
    return f"{html[tag.offset : tag.behind_name]}{number}{html[tag.behind_name : start]}{html[end : tag.inner.start]}"


def _style_tag(html: str, tag: Element, given: str) -> str:
    """Return the tag with the declarations of rules in its style.

    They stand before its own, which so win (CSS Cascade 4, 6.1), the important ones behind them, without the word:
    Outlook for Windows drops a declaration in a tag that has it.
    """
    declarations = [node for node in tinycss2.parse_blocks_contents(given) if isinstance(node, Declaration)]
    if not declarations:
        return html[tag.offset : tag.inner.start]
    first, last = (
        "".join(_write_declaration(one) for one in declarations if one.important is so) for so in (False, True)
    )
    start, end = _place_of_style(html, tag)
    style = tag.attributes.get("style")
    own = html[style.value_offset : style.end].removesuffix('"').rstrip() if style and style.value else ""
    between = ";" if own and last and not own.endswith(";") else ""
    return f'{html[tag.offset : start]} style="{first}{own}{between}{last}"{html[end : tag.inner.start]}'


def _write_declaration(declaration: Declaration) -> str:
    return escape(f"{declaration.name}:{tinycss2.serialize(declaration.value).strip()};")


def _place_of_style(html: str, tag: Element) -> tuple[int, int]:
    """Return where the style attribute stands, from the blank before it on.

    A tag without one has an empty place for it, behind the name.
    """
    if style := tag.attributes.get("style"):
        return tag.offset + len(html[tag.offset : style.offset].rstrip()), style.end
    return tag.behind_name, tag.behind_name
