"""Says what is being written at a place in a template: an element, an attribute, a name, a filter, a file."""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

KindOfCss = Literal["declaration", "pseudo", "at-rule"]
Kind = Literal["", "element", "closing", "attribute", "value", "tag", "name", "filter", "test", "file"] | KindOfCss

_BEFORE = 20_000
"""Characters before the place that are read: what is open further up is not found."""

_JINJA = re.compile(r"\{[{%#](?:(?!\{[{%#]|[}%#]\}).)*+\Z", re.DOTALL)
_NO_MARKUP = re.compile(r"\{[{%#](?:(?!\{[{%#]|[}%#]\}).)*+[}%#]\}|<!--(?:(?!<!--|-->).)*+-->", re.DOTALL)
"""Jinja and comments. Each ends before the next one, so that a text of openings takes no time of its square."""

_FILE = re.compile(r"""\{%[-+]?\s*(?:extends|include|import|from|render)\s[^"'%]*["']([^"'%]*)\Z""")
_TAG_OF_JINJA = re.compile(r"\{%[-+]?\s*(\w*)\Z")
_FILTER = re.compile(r"\|\s*(\w*)\Z")
_TEST = re.compile(r"\bis\s+(?:not\s+)?(\w*)\Z")
_NAME = re.compile(r"(?<![\w.\"')\]])((?:[A-Za-z_]\w*\.)*)([A-Za-z_]\w*)?\Z")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_LOOP = re.compile(r"\{%[-+]?\s*for\s+(\w+)\s+in\s+([\w.]+)")
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)?((?:\s[^<>]*)?)\Z")
_ATTRIBUTES = re.compile(r"""(?<![\w:-])([\w:-]++)\s*+=\s*+(?:"[^"]*+"|'[^']*+')""")
_OPEN_VALUE = re.compile(r"""(?<![\w:-])([\w:-]++)\s*+=\s*+(["'])([^"']*+)\Z""")
_LAST_WORD = re.compile(r"(?<![\w:-])[\w:-]++\Z")
_TAGS = re.compile(r"<(/?)([A-Za-z][\w-]*+)([^<>]*+)>")
_STYLES = re.compile(r"<(/?)(?:mj-)?style\b[^<>]*+>")
_DECLARATION = re.compile(r"(?:^|[;{\s])([\w-]+)\s*:\s*([^;{}:]*)\Z")
_OUTSIDE_A_RULE = re.compile(r"(?:\A|\}|@(?!font-face)[^{};@]*+\{)\s*+(@[^{};]*+|[^{};@]*+)\Z")
_PSEUDO = re.compile(r":[\w-]*\Z")
_WORD = re.compile(r"[\w-]*")
_REST = {
    "": re.compile(r"[\w-]{0,40}+\s?:[^;{}\"'<]*+"),  # the name of a CSS property
    "attribute": re.compile(r"[\w:-]{0,40}+(?:\s?=\s?[\"'][^\"'<]*+)?"),
    "file": re.compile(r"[^\"'%]*"),
    "at-rule": re.compile(r"[^{};\"'<]*"),
    "declaration": re.compile(r"[^;{}\"'<]*"),
    "value": re.compile(r"[^\"'<]*"),
}


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """What is being written. `written`: its text so far, which a completion replaces.

    `element`: the element around it, and for an attribute or a value its own. `attribute`: of a value.
    `has`: the attributes that the element has. `path`: the names before the last dot of a name, where a loop's name
    stands for an item of what it loops over ("order", "items", "[]"). `property`: the CSS property of a declaration.
    A pseudo-class or -element is written with one colon, an at-rule without its @.
    """

    kind: Kind = ""
    written: str = ""
    element: str = ""
    attribute: str = ""
    property: str = ""
    has: frozenset[str] = frozenset()
    path: tuple[str, ...] = ()


def cursor_at(text: str, offset: int) -> Cursor:
    """Return what is being written before an offset, counted in characters."""
    before = text[max(offset - _BEFORE, 0) : offset]
    if jinja := _JINJA.search(before):
        return _in_jinja(before, jinja[0])
    markup = _NO_MARKUP.sub(lambda found: " " * len(found[0]), before)
    if tag := _TAG.search(markup):
        return _in_tag(markup[: tag.start()], tag)
    last = next(reversed(list(_STYLES.finditer(markup))), None)
    return _in_style(markup[last.end() :]) if last and not last[1] else Cursor()


def word_at(text: str, offset: int) -> Cursor:
    """Return the whole of what is written around an offset, to its end: of a name that has a value, the value."""
    cursor = cursor_at(text, offset)
    rest = _REST.get(cursor.kind, _WORD).match(text, offset)
    return cursor_at(text, rest.end()) if rest and rest[0] and "\n" not in rest[0] else cursor


def _in_jinja(before: str, opened: str) -> Cursor:
    if file := _FILE.search(opened):
        return Cursor(kind="file", written=file[1])
    if found := _TAG_OF_JINJA.fullmatch(opened):
        return Cursor(kind="tag", written=found[1])
    expression = _QUOTED.sub('""', opened)
    if opened.startswith("{#") or "'" in expression or '"' in expression.replace('""', ""):
        return Cursor()
    if found := _FILTER.search(expression):
        return Cursor(kind="filter", written=found[1])
    if found := _TEST.search(expression):
        return Cursor(kind="test", written=found[1])
    if found := _NAME.search(expression):
        names = tuple(filter(None, found[1].split(".")))
        return Cursor(kind="name", written=found[2] or "", path=_without_loops(names, dict(_LOOP.findall(before))))
    return Cursor()


def _without_loops(path: tuple[str, ...], loops: Mapping[str, str]) -> tuple[str, ...]:
    """Replace the name of a loop by what it loops over; each once, since a name may hide itself."""
    left = dict(loops)
    while path and (over := left.pop(path[0], "")):
        path = (*over.split("."), "[]", *path[1:])
    return path


def _in_tag(above: str, tag: re.Match[str]) -> Cursor:
    name, inside = tag[2] or "", tag[3]
    if tag[1]:
        return Cursor(kind="closing", written=name, element=_open_element(above))
    if not inside:
        return Cursor(kind="element", written=name, element=_open_element(above))
    has = frozenset(_ATTRIBUTES.sub(r"\1 ", inside).split()) if "=" in inside else frozenset()
    if value := _OPEN_VALUE.search(inside):
        return _in_value(name, value)
    written = _LAST_WORD.search(inside)
    return Cursor(kind="attribute", written=written[0] if written else "", element=name, has=has)


def _in_value(element: str, value: re.Match[str]) -> Cursor:
    attribute, written = value[1], value[3]
    if element == "mj-include" and attribute == "path":
        return Cursor(kind="file", written=written)
    if attribute == "style":
        return _in_style(written, element)
    classes = attribute in ("class", "css-class", "mj-class")
    return Cursor(
        kind="value", written=written.split(" ")[-1] if classes else written, element=element, attribute=attribute
    )


def _in_style(css: str, element: str = "") -> Cursor:
    outside = None if element else _OUTSIDE_A_RULE.search(css)
    if outside and outside[1].startswith("@"):
        return Cursor(kind="at-rule", written=outside[1].removeprefix("@"))
    if outside:
        pseudo = _PSEUDO.search(outside[1])
        return Cursor(kind="pseudo", written=pseudo[0]) if pseudo else Cursor()
    found = _DECLARATION.search(css)
    return (
        Cursor(kind="declaration", written=found[2].strip(), property=found[1], element=element) if found else Cursor()
    )


def _open_element(above: str) -> str:
    """Return the innermost element of MJML that is still open."""
    opened: list[str] = []
    for closes, name, rest in _TAGS.findall(above):
        if not name.startswith("mj") or rest.endswith("/"):
            continue
        if not closes:
            opened.append(name)
        elif name in opened:
            del opened[len(opened) - 1 - opened[::-1].index(name) :]
    return opened[-1] if opened else ""
