"""The places in which a mail prints a variable, such as the address of a link, and values that fit
them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from keyturn.studio.gallery.variables.plausible_texts import Named, link_for, picture_for, text_for

Kind = Literal[
    "file", "address", "picture", "host", "label", "mailbox", "phone", "scheme", "port", "path",
    "length", "number", "colour", "word", "class", "segment",
]  # fmt: skip

_ORDER: tuple[Kind, ...] = get_args(Kind)
"""Of the places of a variable, the first kind decides: what is an address may also be shown, and
not the reverse.
"""

# Each printed value is one character (Unicode 23.5, private use), and so is what stands around
# branches.
_FIRST_MARK = 0xF0000
_MOST_MARKS = 0xFFF0
BEGIN = "\U00100000"
ELSE = "\U00100001"
END = "\U00100002"
MARK = re.compile("[\U000f0000-\U000ffff0]")
_AROUND_BRANCHES = BEGIN + ELSE + END
_ANY = re.compile(f"{MARK.pattern}|[{_AROUND_BRANCHES}]")
_FAR = 4_000  # characters before a value that are read: a style attribute is shorter

_LINKS = frozenset({"href", "base-url", "action", "xlink:href", "cite"})
_PICTURES = frozenset({"src", "background", "background-url", "poster"})
_SIZES = re.compile(
    r"(?:.+-)?(?:width|height|size|spacing|padding|radius|indent|gap|margin)"
    r"(?:-(?:top|right|bottom|left))?"
    r"|border|cell(?:padding|spacing)|colspan|rowspan|top|left|right|bottom"
)
_WORDS = {  # by the name of an attribute or a property
    "align": "center",
    "text-align": "center",
    "valign": "middle",
    "vertical-align": "middle",
    "dir": "ltr",
    "direction": "ltr",
    "display": "block",
    "font-family": "Arial, sans-serif",
    "font-style": "normal",
    "font-weight": "bold",
    "background-repeat": "no-repeat",
    "background-size": "cover",
    "lang": "en",
    "line-height": "1.5",
    "target": "_blank",
    "text-decoration": "none",
    "text-transform": "none",
}
_ATTRIBUTE = re.compile(r"""(?<![\w:@.-])([\w:@.-]+)\s*=\s*(?:"([^"]*)("?)|'([^']*)('?))""")
_PROPERTY = re.compile(r"""(?:^|[;{\s"'])([a-z-]+)\s*:\s*([^;{}:"']*)$""")
_IN_SHEET = re.compile(
    r"<(?:mj-)?style\b[^>]*>(?:(?!</(?:mj-)?style).)*$", re.DOTALL | re.IGNORECASE
)
_COLOURED = re.compile(r".*color|background")
_BEFORE_URL = re.compile(r"url\(\s*[\"']?$")
_UNIT = re.compile(r"px|em|rem|pt|%")
_CLASS = re.compile(r"\.(-?[_a-zA-Z][\w-]*)")

# What an address begins with before a value.
_BEFORE_HOST = re.compile(rf"(?:(?:[a-z][a-z0-9+.-]*|{MARK.pattern}):)?//")
_BEFORE_MAILBOX = re.compile(r"mailto:(?:[^?]*,\s*)?")
_BEFORE_HOST_OF_MAILBOX = re.compile(r"mailto:[^?@]*@")
_BEFORE_PORT = re.compile(r"(?:[^/]*:)?//[^/]*:")
_VALUES = re.compile(f"{MARK.pattern}+")

_WHOLE_ADDRESS = re.compile(
    r"https?://[^\s/]\S*|mailto:\S+@\S+|(?:tel|sms):\S+|cid:\S+|data:\S+", re.IGNORECASE
)
_DATA_URL = re.compile(r"data:.*", re.DOTALL)
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_MAILBOX = re.compile(r"[^ @]*@[^ ]*")
_PHONE = re.compile(r"\+?[\d ()/-]+")
_COLOUR = re.compile(r"#[0-9a-f]{3,8}|(?:rgb|hsl)a?\(.*\)", re.IGNORECASE)
_LENGTH = re.compile(r"\d+(?:px|%)")
_PATH = re.compile(r"/[^ ]*")
_SEGMENT = re.compile(r"[^\s<>\"]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_USUAL_SIZES = {"width": "600", "height": "300"}
_USUAL_SIZE = "16"


class Slot(NamedTuple):
    """A place for a value.

    `name`: of the attribute or property. `options`: values that are known to fit.
    """

    kind: Kind
    name: str = ""
    options: tuple[str, ...] = ()


class _Attribute(NamedTuple):
    """An attribute of a tag, by its name in lower case, and its value up to a printed one."""

    name: str
    written: str


def mark_for(nth: int) -> str:
    """Return the character that stands for the nth printed value; "" beyond the last one."""
    return chr(_FIRST_MARK + nth) if nth < _MOST_MARKS else ""


def number_of(mark: str) -> int:
    return ord(mark) - _FIRST_MARK


def slots_in(text: str) -> Iterator[tuple[int, Slot]]:
    """Yield the number of each mark in a text with its place, if that is known.

    Branches begin at the same place.
    """
    classes = tuple(dict.fromkeys(_CLASS.findall(text)))
    before = ""
    opened: list[str] = []  # what is before the branches around this place
    at = 0
    for found in _ANY.finditer(text):
        before = (before + text[at : found.start()])[-_FAR:]
        at = found.end()
        mark = found[0]
        if mark == BEGIN:
            opened.append(before)
        elif mark == ELSE and opened:
            before = opened[-1]
        elif mark == END and opened:
            opened.pop()
        elif mark not in _AROUND_BRANCHES:
            slot = _slot(before, text[at : at + _FAR], classes)
            if slot:
                yield number_of(mark), slot
            before += mark


def _slot(before: str, after: str, classes: tuple[str, ...]) -> Slot | None:
    after = after.lstrip(_AROUND_BRANCHES)
    tag = before.rpartition("<")[2]
    if ">" in tag or tag == before:  # it is outside of tags
        sheet = _IN_SHEET.search(before)
        if sheet:
            return _slot_in_style(before[sheet.start() :], after)
        return None
    attribute = _open_attribute(tag)
    if attribute:
        return _slot_in_attribute(tag, attribute, after, classes)
    return None


def _open_attribute(tag: str) -> _Attribute | None:
    """Return the attribute whose value a part of a tag ends in."""
    attributes = list(_ATTRIBUTE.finditer(tag))
    if not attributes or attributes[-1].end() < len(tag):
        return None
    name, in_double, double_quote, in_single, single_quote = attributes[-1].groups()
    if double_quote or single_quote:
        return None
    return _Attribute(name.lower(), in_double or in_single or "")


def _slot_in_attribute(
    tag: str, attribute: _Attribute, after: str, classes: tuple[str, ...]
) -> Slot | None:
    name, written = attribute
    is_whole = not written.strip() and after[:1] in ('"', "'")
    if name in _PICTURES and is_whole:
        return Slot("picture", name)
    if name in _PICTURES or name in _LINKS:
        return Slot(_kind_in_address(written, after), name)
    if name == "style":
        return _slot_in_style(written, after)
    if name in ("class", "css-class"):
        return Slot("class", name, _options(re.split(r"\s", written)[-1], after, classes))
    is_size = _SIZES.fullmatch(name)
    if not is_whole:
        return Slot("number", name) if is_size and _UNIT.match(after) else None
    if tag.startswith("mj-button") and name == "background-color":
        # The label of a button is white by default, so its background is dark, as texts are.
        return Slot("colour", "color")
    if name.endswith("color"):
        return Slot("colour", name)
    if name in _WORDS and not (name == "lang" and tag.startswith("mj")):
        return Slot("word", name)
    if is_size:
        return Slot("length" if tag.startswith("mj-") else "number", name)
    return None


def _kind_in_address(written: str, after: str) -> Kind:
    start = written.strip().lower()
    if not start:
        return "scheme" if after.startswith(":") else "address"
    if _BEFORE_HOST.fullmatch(start):
        return "label" if after.startswith(".") else "host"
    if _BEFORE_MAILBOX.fullmatch(start):
        return "label" if after.startswith("@") else "mailbox"
    if _BEFORE_HOST_OF_MAILBOX.fullmatch(start):
        return "host"
    if start in ("tel:", "sms:"):
        return "phone"
    if _BEFORE_PORT.fullmatch(start):
        return "port"
    if _VALUES.fullmatch(start):
        return "path"
    return "segment"


def _slot_in_style(written: str, after: str) -> Slot | None:
    if _BEFORE_URL.search(written):
        return Slot("picture", "url")
    found = _PROPERTY.search(written)
    if not found:
        return None
    name = found[1]
    has_unit = _UNIT.match(after)
    if found[2].strip():  # a part of its value
        return Slot("number", name) if has_unit else None
    if _COLOURED.fullmatch(name):
        return Slot("colour", name)
    if has_unit:
        return Slot("number", name) if _SIZES.fullmatch(name) else None
    if name in _WORDS:
        return Slot("word", name)
    if _SIZES.fullmatch(name):
        return Slot("length", name)
    return None


def _options(prefix: str, after: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the rest of each class of the stylesheets that begins and ends as it is written."""
    suffix = re.split(r"[\s\"']", after, maxsplit=1)[0]
    if MARK.search(prefix + suffix):
        return ()
    options = []
    for name in classes:
        if name.startswith(prefix) and name.endswith(suffix):
            options.append(name[len(prefix) : len(name) - len(suffix)])
    return tuple(filter(None, options))


def best_of(slots: Iterable[Slot]) -> Slot | None:
    """Return the place that decides the value of a variable with all of these."""
    return min(slots, key=lambda slot: _ORDER.index(slot.kind), default=None)


_FITS: Mapping[Kind, Callable[[str], object]] = {
    "address": _WHOLE_ADDRESS.fullmatch,
    "picture": _DATA_URL.fullmatch,
    "host": _HOST.fullmatch,
    "mailbox": _MAILBOX.fullmatch,
    "phone": _PHONE.fullmatch,
    "path": _PATH.fullmatch,
    "length": _LENGTH.fullmatch,
    "number": _NUMBER.fullmatch,
    "colour": _COLOUR.fullmatch,
    "segment": _SEGMENT.fullmatch,
}


def fit(slot: Slot, value: object, named: Named, nth: int = 0) -> str:
    """Return a text for a place: the value where it fits, or another.

    `named`: the variable's name. `nth`: the position in a list, for different texts.
    """
    text = "" if value is None or isinstance(value, bool) else str(value)
    if slot.options:
        return text if text in slot.options else slot.options[nth % len(slot.options)]
    if slot.kind in _FITS and _FITS[slot.kind](text):
        return text
    match slot.kind:
        case "address":
            return f"https://{text}" if _HOST.fullmatch(text) else link_for(named, nth)
        case "picture":
            return picture_for(named)
        case "host":
            host = urlsplit(text).netloc if "://" in text else ""
            return host if _HOST.fullmatch(host) else "www.example.com"
        case "mailbox":
            return text_for(Named("email"), nth) or ""
        case "phone":
            return text_for(Named("phone")) or ""
        case "scheme":
            return "https"
        case "port":
            return "443"
        case "path":
            return f"/{_joined(text, named)}"
        case "label" | "segment":
            return _joined(text, named)
        case "length":
            size = text if _NUMBER.fullmatch(text) else _usual_size(slot)
            return f"{size}px"
        case "number":
            return _usual_size(slot)
        case "colour":
            is_behind = slot.name.startswith(("background", "bg"))
            return "#f4f2ec" if is_behind else "#14614b"
        case "word":
            return _WORDS[slot.name]
    return text


def _joined(text: str, named: Named) -> str:
    return "-".join(Named(text).words or named.words)


def _usual_size(slot: Slot) -> str:
    for name, usual in _USUAL_SIZES.items():
        if slot.name.endswith(name):
            return usual
    return _USUAL_SIZE
