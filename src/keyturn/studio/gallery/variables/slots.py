"""The places in which a mail prints a variable, such as the address of a link, and values that fit
them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from keyturn.studio.gallery.variables.plausible_texts import Named, link_for, picture_for, text_for

Kind = Literal[
    "file", "address", "picture", "host", "label", "mailbox", "phone", "scheme", "port", "path",
    "length", "number", "colour", "word", "class", "segment",
]  # fmt: skip

_ORDER: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
"""Of the places of a variable, the first kind decides: what is an address may also be shown, and
not the reverse.
"""

# Each printed value is one character (Unicode 23.5, private use), and so is what stands around
# branches.
_FIRST_MARK = 0xF0000
_MOST_MARKS = 0xFFF0
BEGIN, ELSE, END = "\U00100000", "\U00100001", "\U00100002"
MARK = re.compile("[\U000f0000-\U000ffff0]")
_ANY = re.compile(f"{MARK.pattern}|[{BEGIN}-{END}]")
_FAR = 4_000  # characters before a value that are read: a style attribute is shorter

_LINKS = frozenset({"href", "base-url", "action", "xlink:href", "cite"})
_PICTURES = frozenset({"src", "background", "background-url", "poster"})
_SIZES = re.compile(
    r"(?:.+-)?(?:width|height|size|spacing|padding|radius|indent|gap|margin)(?:-(?:top|right|bottom|left))?"
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
_ATTRIBUTE = re.compile(r"""([\w:@.-]+)\s*=\s*(?:"([^"]*)("?)|'([^']*)('?))""")
_PROPERTY = re.compile(r"""(?:^|[;{\s"'])([a-z-]+)\s*:\s*([^;{}:"']*)$""")
_IN_SHEET = re.compile(
    r"<(?:mj-)?style\b[^>]*>(?:(?!</(?:mj-)?style).)*$", re.DOTALL | re.IGNORECASE
)
_UNIT = re.compile(r"px|em|rem|pt|%")
_CLASS = re.compile(r"\.(-?[_a-zA-Z][\w-]*)")

_WHOLE_ADDRESS = re.compile(
    r"https?://[^\s/]\S*|mailto:\S+@\S+|(?:tel|sms):\S+|cid:\S+|data:\S+", re.IGNORECASE
)
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+?[\d ()/-]+")
_COLOUR = re.compile(r"#[0-9a-f]{3,8}|(?:rgb|hsl)a?\(.*\)", re.IGNORECASE)
_LENGTH = re.compile(r"\d+(?:px|%)")
_NOT_IN_AN_ADDRESS = re.compile(r"[\s<>\"]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_USUAL_SIZES = {"width": 600, "height": 300}
_USUAL_SIZE = 16


class Slot(NamedTuple):
    """A place for a value.

    `name`: of the attribute or property. `options`: values that are known to fit.
    """

    kind: Kind
    name: str = ""
    options: tuple[str, ...] = ()


def mark_for(nth: int) -> str:
    return chr(_FIRST_MARK + nth) if nth < _MOST_MARKS else ""


def number_of(mark: str) -> int:
    return ord(mark) - _FIRST_MARK


def slots_in(text: str) -> Iterator[tuple[int, Slot]]:
    """Yield the number of each mark in a text with its place, if that is known.

    Branches begin at the same place.
    """
    classes = tuple(dict.fromkeys(_CLASS.findall(text)))
    before, opened = "", list[str]()
    at = 0
    for found in _ANY.finditer(text):
        before = (before + text[at : found.start()])[-_FAR:]
        at = found.end()
        match found[0]:
            case "\U00100000":
                opened.append(before)
            case "\U00100001":
                before = opened[-1] if opened else before
            case "\U00100002":
                before = (opened.pop() and before) if opened else before
            case mark:
                if slot := _slot(before, text[at : at + _FAR], classes):
                    yield number_of(mark), slot
                before += mark


def _slot(before: str, after: str, classes: tuple[str, ...]) -> Slot | None:
    after = after.lstrip(BEGIN + ELSE + END)
    tag = before.rpartition("<")[2]
    if ">" not in tag and tag != before:
        last = None
        for last in _ATTRIBUTE.finditer(tag):  # noqa: B007 - the last one is wanted
            pass
        if last and last.end() == len(tag) and not (last[3] or last[5]):
            written = last[2] if last[2] is not None else last[4]
            return _slot_in_attribute(tag, last[1].lower(), written or "", after, classes)
        return None
    sheet = _IN_SHEET.search(before)
    return _slot_in_style(before[sheet.start() :], after) if sheet else None


def _slot_in_attribute(
    tag: str, name: str, written: str, after: str, classes: tuple[str, ...]
) -> Slot | None:
    is_whole = not written.strip() and after[:1] in ('"', "'")
    if name in _LINKS:
        return Slot(_kind_in_address(written, after), name)
    if name in _PICTURES:
        return Slot("picture", name) if is_whole else Slot(_kind_in_address(written, after), name)
    if name == "style":
        return _slot_in_style(written, after)
    if name in ("class", "css-class"):
        return Slot("class", name, _options(re.split(r"\s", written)[-1], after, classes))
    if name.endswith("color"):
        # The label of a button is white by default, so its background is dark.
        is_dark = tag.startswith("mj-button") and name == "background-color"
        return Slot("colour", "color" if is_dark else name) if is_whole else None
    if name in _WORDS and is_whole and not (name == "lang" and tag.startswith("mj")):
        return Slot("word", name)
    if not _SIZES.fullmatch(name):
        return None
    if is_whole:
        return Slot("length" if tag.startswith("mj-") else "number", name)
    return Slot("number", name) if _UNIT.match(after) else None


def _kind_in_address(written: str, after: str) -> Kind:
    start = written.strip().lower()
    if not start:
        return "scheme" if after.startswith(":") else "address"
    if re.fullmatch(rf"(?:(?:[a-z][a-z0-9+.-]*|{MARK.pattern}):)?//", start):
        return "label" if after.startswith(".") else "host"
    if re.fullmatch(r"mailto:(?:[^?]*,\s*)?", start):
        return "label" if after.startswith("@") else "mailbox"
    if re.fullmatch(r"mailto:[^?@]*@", start):
        return "host"
    if start in ("tel:", "sms:"):
        return "phone"
    if re.fullmatch(r"(?:[^/]*:)?//[^/]*:", start):
        return "port"
    return "path" if re.fullmatch(f"{MARK.pattern}+", start) else "segment"


def _slot_in_style(written: str, after: str) -> Slot | None:
    if re.search(r"url\(\s*[\"']?$", written):
        return Slot("picture", "url")
    found = _PROPERTY.search(written)
    if not found:
        return None
    name, value = found[1], found[2].strip()
    if value:
        return Slot("number", name) if _UNIT.match(after) else None
    if name.endswith("color") or name == "background":
        return Slot("colour", name)
    if name in _WORDS and not _UNIT.match(after):
        return Slot("word", name)
    if _SIZES.fullmatch(name):
        return Slot("number" if _UNIT.match(after) else "length", name)
    return None


def _options(prefix: str, after: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the rest of each class of the stylesheets that begins and ends as it is written."""
    suffix = re.split(r"[\s\"']", after, maxsplit=1)[0]
    if MARK.search(prefix + suffix):
        return ()
    fitting = (one for one in classes if one.startswith(prefix) and one.endswith(suffix))
    rests = (one[len(prefix) : len(one) - len(suffix)] for one in fitting)
    return tuple(rest for rest in rests if rest)


def best_of(slots: Iterable[Slot]) -> Slot | None:
    return min(slots, key=lambda slot: _ORDER.index(slot.kind), default=None)


def fit(slot: Slot, value: object, named: Named, nth: int = 0) -> str:
    """Return a text for a place: the value where it fits, or another.

    `named`: the variable's name.
    """
    text = "" if value is None or isinstance(value, bool) else str(value)
    if slot.options:
        return text if text in slot.options else slot.options[nth % len(slot.options)]
    fitting = _FITTING.get(slot.kind)
    return fitting(text, slot, named, nth) if fitting else text


def _address(text: str, _: Slot, named: Named, nth: int) -> str:
    if _WHOLE_ADDRESS.fullmatch(text):
        return text
    return f"https://{text}" if _HOST.fullmatch(text) else link_for(named, nth)


def _picture(text: str, _: Slot, named: Named, nth: int) -> str:
    return text if text.startswith("data:") else picture_for(named, nth)


def _host(text: str, *_: object) -> str:
    host = urlsplit(text).netloc if "://" in text else text
    return host if _HOST.fullmatch(host) else "www.example.com"


def _mailbox(text: str, _: Slot, __: Named, nth: int) -> str:
    return text if "@" in text and " " not in text else text_for(Named("email"), nth) or ""


def _phone(text: str, *_: object) -> str:
    return text if _PHONE.fullmatch(text) else text_for(Named("phone")) or ""


def _path(text: str, _: Slot, named: Named, __: int) -> str:
    return text if text.startswith("/") and " " not in text else f"/{_joined(text or str(named))}"


def _segment(text: str, _: Slot, named: Named, __: int) -> str:
    text = text or str(named)
    return _joined(text) if _NOT_IN_AN_ADDRESS.search(text) else text


def _label(text: str, _: Slot, named: Named, __: int) -> str:
    return _joined(text or str(named))


def _length(text: str, slot: Slot, *_: object) -> str:
    return text if _LENGTH.fullmatch(text) else f"{_size(text, slot)}px"


def _size(text: str, slot: Slot, *_: object) -> str:
    usual = next(
        (size for name, size in _USUAL_SIZES.items() if slot.name.endswith(name)), _USUAL_SIZE
    )
    return text if _NUMBER.fullmatch(text) else str(usual)


def _colour(text: str, slot: Slot, *_: object) -> str:
    if _COLOUR.fullmatch(text):
        return text
    return "#f4f2ec" if slot.name.startswith(("background", "bg")) else "#14614b"


def _joined(text: str) -> str:
    return "-".join(Named(text).words)


_FITTING: Mapping[Kind, Callable[[str, Slot, Named, int], str]] = {
    "address": _address,
    "picture": _picture,
    "host": _host,
    "label": _label,
    "mailbox": _mailbox,
    "phone": _phone,
    "scheme": lambda *_: "https",
    "port": lambda *_: "443",
    "path": _path,
    "length": _length,
    "number": _size,
    "colour": _colour,
    "word": lambda _, slot, *__: _WORDS[slot.name],
    "segment": _segment,
}
