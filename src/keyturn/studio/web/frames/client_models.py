"""Models of mail clients: those that invert colours in the dark, as the checks model them, Word,
and lists of mails.

The model of Word shows what is for Word only, renders VML, and drops CSS that Word does not know,
so that a browser renders the rest. It is based on the tests of Can I email. Word's handling of
tables, fonts and lines is not modelled.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import parse_qs

import tinycss2
from tinycss2.ast import AtRule, QualifiedRule

from keyturn.hosts import split_address
from keyturn.mail.rendering.html_tree import Element, parse_html, splice
from keyturn.studio.lint.clients import word
from keyturn.studio.lint.css.colours import FULL, PARTIAL, Mode, read_background
from keyturn.studio.lint.css.computed_style import Painter, length_in_px
from keyturn.studio.lint.css.selectors import OUTLOOK_MARK, read_selectors, split_at_commas
from keyturn.studio.lint.css.stylesheets import Declaration, parseable, read_style
from keyturn.studio.lint.markup.conditional_comments import resolve_conditionals
from keyturn.studio.web.frames.rewriting import Rewriting, insert_in_head

MODES = {mode.name: mode for mode in (PARTIAL, FULL)}

# Attributes that Outlook.com sets on recoloured elements: some styles of mails wait for them.
_MARKS = tuple(OUTLOOK_MARK + rest for rest in ("sc", "sb", "ac", "ab"))


def simulate_dark(html: str, mode: Mode) -> str:
    """Return the HTML with the colours that `mode` chooses, in the style of each element, as
    Outlook.com does it.
    """
    rewriting = Rewriting(html)
    painter = Painter(rewriting.root, mode)
    colours = dict(painter.recoloured_elements())
    marks: Sequence[str] = ()
    if mode.honours == "data-ogs" and OUTLOOK_MARK in html:
        marks = _MARKS
    for tag in rewriting.tags:
        own = colours.get(tag, {})
        if own:
            style = "".join(f"{name}:{value}!important;" for name, value in own.items())
            rewriting.add_style(tag, style)
        for mark in marks:
            rewriting.set(tag, mark, "")
    canvas = painter.canvas
    page_style = f"color:{canvas.colour}"
    if not _page_has_background(colours):
        page_style = f"background-color:{canvas.background};{page_style}"
    return insert_in_head(rewriting.text(), f"<style>html{{{page_style}}}</style>")


def _page_has_background(colours: Mapping[Element, Mapping[str, str]]) -> bool:
    for tag, own in colours.items():
        if tag.tag in ("html", "body") and "background-color" in own:
            return True
    return False


_TIMES = '"Times New Roman",serif'
_HEAD_END = re.compile(r"</head\s*>|<body\b", re.IGNORECASE)


# The defaults of Word for text without a style, and for some elements. Word leaves out an empty
# <p>, such as the line of an mj-divider, which has a table for Word (mjmlio/mjml, issue 1143: with
# a blank in it, Word shows both).
_STYLE = (
    f"<style>body{{font-family:{_TIMES}}}p:empty{{display:none!important}}{word.TAG_RULES}</style>"
)


def simulate_word(html: str) -> str:
    """Return the HTML as Word reads it, for a browser to render."""
    rewriting = Rewriting(resolve_conditionals(html))
    web_fonts = frozenset(_web_fonts(rewriting))
    for tag in rewriting.tags:
        if tag.tag == "style":
            rewriting.replace_inside(tag, _stylesheet(rewriting.source_inside(tag), web_fonts))
        elif tag.tag == "link":
            rewriting.set(tag, "rel", "")
        elif ":" in tag.tag:
            continue
        elif word.leaves_out(tag.tag):
            rewriting.set(tag, "style", "display:none!important")
        elif tag.get("style"):
            rewriting.set(tag, "style", _style_attribute(tag, web_fonts))
    html = render_vml(rewriting.text())
    head = _HEAD_END.search(html)
    at = head.start() if head else 0
    return html[:at] + _STYLE + html[at:]


def _web_fonts(rewriting: Rewriting) -> Iterator[str]:
    """Yield the fonts that a mail asks Word to load, in lower case: by @font-face, or by a link to
    Google's.
    """
    for tag in rewriting.tags:
        if tag.tag == "link":
            yield from _linked_fonts(tag.get("href"))
        elif tag.tag == "style":
            yield from _declared_fonts(rewriting.source_inside(tag))


def _linked_fonts(address: str) -> Iterator[str]:
    """Yield the fonts of an address such as fonts.googleapis.com/css?family=Roboto:400|Lato."""
    families = parse_qs(split_address(address).query).get("family", ())
    for family in families:
        for font in family.split("|"):
            yield font.partition(":")[0].lower()


def _declared_fonts(css: str) -> Iterator[str]:
    for rule in tinycss2.parse_stylesheet(parseable(css), skip_comments=True):
        is_at_rule = isinstance(rule, AtRule) and rule.content
        if is_at_rule and rule.lower_at_keyword == "font-face":
            for declaration in read_style(tinycss2.serialize(rule.content)):
                if declaration.name == "font-family":
                    yield declaration.value.strip("\"'").lower()


def _stylesheet(css: str, web_fonts: frozenset[str]) -> str:
    """Return the rules that count in Word, with the declarations that do."""
    rules = []
    for rule in tinycss2.parse_stylesheet(parseable(css), skip_comments=True, skip_whitespace=True):
        if isinstance(rule, QualifiedRule):
            selectors = ",".join(_selectors_for_word(rule))
            declarations = read_style(tinycss2.serialize(rule.content))
            inside = ";".join(_declarations_for_word(declarations, web_fonts))
            if selectors and inside:
                rules.append(f"{selectors}{{{inside}}}")
    return "\n".join(rules)


def _selectors_for_word(rule: QualifiedRule) -> Iterator[str]:
    for tokens in split_at_commas(rule.prelude):
        selectors = read_selectors(tokens)
        if selectors and not any(map(word.ignores_rule, selectors)):
            yield tinycss2.serialize(tokens)


def _style_attribute(tag: Element, web_fonts: frozenset[str]) -> str:
    declarations = []
    for declaration in read_style(tag.get("style")):
        # Of an image, the attribute `width` counts.
        is_width_of_image = tag.tag == "img" and declaration.name == "width"
        if not declaration.important and not is_width_of_image:
            declarations.append(declaration)
    return ";".join(_declarations_for_word(declarations, web_fonts))


def _declarations_for_word(
    declarations: Iterable[Declaration], web_fonts: frozenset[str]
) -> Iterator[str]:
    for declaration in declarations:
        name = declaration.name
        value = declaration.value
        end = "!important" if declaration.important else ""
        lacked = word.of_declaration(name, value)
        # Properties that only Word reads are written as other clients understand them.
        if name == "mso-padding-alt":
            yield f"padding:{value}!important"
        elif name == "mso-hide":
            yield "display:none!important" if value == "all" else ""
        elif name == "background" and lacked == "css-background":
            colour = _colour_below_image(value)
            if colour:
                yield f"background-color:{colour}{end}"
        elif lacked:
            continue
        elif name == "font-family" and _first_font(value) in web_fonts:
            yield f"font-family:{_TIMES}{end}"
        else:
            yield f"{name}:{value}{end}"


def _colour_below_image(background: str) -> str:
    """Return the colour that is left of a background without its image; "" if there is none."""
    colour = read_background(background)
    return colour.css if colour and colour.alpha else ""


def _first_font(families: str) -> str:
    return families.partition(",")[0].strip(" \n\t\"'").lower()


_XML = re.compile(r"<xml\b(?:(?!<xml\b).)*?</xml\s*>", re.IGNORECASE | re.DOTALL)
_STAND_INS = {
    "v:rect": "div",
    "v:roundrect": "div",
    "v:oval": "div",
    "v:textbox": "div",
    "v:image": "img",
}
_LINKING = ("v:rect", "v:roundrect", "v:oval")
_KEPT = ("width", "height", "top", "left", "position", "z-index")
_LINK = {
    "display": "inline-flex",
    "text-decoration": "none",
    "align-items": "center",
    "justify-content": "center",
    "text-align": "center",
}
_INSET = ("0.1in", "0.05in", "0.1in", "0.05in")
_PARTS = {"%": 100, "f": 65_536}  # of a whole, by the unit of `arcsize`
_NO_QUOTES = str.maketrans({'"': "%22", "\\": "%5C", "\n": ""})


def render_vml(html: str) -> str:
    """Return the HTML with elements for the four shapes of VML (W3C, 1998) that mails use, and
    without other VML.
    """
    if not re.search(r"<(?:v|w|o):|<xml\b", html, re.IGNORECASE):
        return html
    html = _XML.sub("", html)
    root = parse_html(html)
    changes: list[tuple[int, int, str]] = []
    for element in root.walk():
        if ":" in element.tag:
            changes += _replace(element)
    return splice(html, changes)


def _replace(element: Element) -> Iterator[tuple[int, int, str]]:
    """Yield the replacements of a start tag and an end tag.

    A tag of VML may close itself; most are left out.
    """
    tag = _STAND_INS.get(element.tag, "")
    if element.tag in _LINKING and element.get("href"):
        tag = "a"
    opening = ""
    closing = ""
    if tag:
        opening = _start_tag(element, tag)
    if tag and tag != "img":
        closing = f"</{tag}>"
    yield element.offset, element.inner.start, opening
    if element.end > element.inner.start:
        yield element.inner.stop, element.end, closing
    elif closing:
        yield element.inner.start, element.inner.start, closing


def _start_tag(element: Element, tag: str) -> str:
    attributes = {}
    for name in ("class", "data-keyturn"):
        value = element.get(name)
        if value:
            attributes[name] = value
    if tag == "a":
        attributes["href"] = element.get("href")
    if tag == "img":
        attributes["src"] = element.get("src")
        attributes["alt"] = ""
    declarations = []
    for name, value in _style(element).items():
        declarations.append(f"{name}:{value.replace(';', '')}")
    attributes["style"] = ";".join(declarations)
    written = ""
    for name, value in attributes.items():
        written += f' {name}="{escape(value)}"'
    return f"<{tag} data-vml{written}>"


def _style(element: Element) -> dict[str, str]:
    if element.tag == "v:textbox":
        return {"padding": _padding(element.get("inset"))}
    box = _box(element)
    if element.tag == "v:image":
        return box
    style = {"box-sizing": "border-box", "max-width": "100%", **box}
    if element.get("href"):
        style |= _LINK
    is_filled = not {element.get("filled").lower(), element.get("fill").lower()} & {"f", "false"}
    if is_filled:
        style |= _fill(element)
    is_stroked = "f" not in (element.get("stroke").lower()[:1], element.get("stroked").lower()[:1])
    if is_stroked:
        style["border"] = _border(element)
    if element.tag == "v:oval":
        style["border-radius"] = "50%"
    if element.tag == "v:roundrect":
        style["border-radius"] = _corner_radius(element, box)
    return style


def _box(element: Element) -> dict[str, str]:
    values = {}
    for declaration in read_style(element.get("style")):
        values[declaration.name] = declaration.value
    box = {name: values[name] for name in _KEPT if name in values}
    if values.get("mso-width-percent") == "1000":
        box["width"] = "100%"
    return box


def _border(element: Element) -> str:
    width = length_in_px(element.get("strokeweight").strip()) or 1
    colour = element.get("strokecolor") or "#000000"
    return f"{width:g}px solid {colour}"


def _padding(inset: str) -> str:
    """Return the padding of a text box, whose `inset` has left, top, right and bottom."""
    sides = []
    for side, usual in zip([*inset.split(","), "", "", ""], _INSET, strict=False):
        sides.append(length_in_px(side.strip() or usual))
    left, top, right, bottom = sides
    return f"{top:g}px {right:g}px {bottom:g}px {left:g}px"


def _fill(element: Element) -> dict[str, str]:
    fills = [child for child in element.children if child.tag == "v:fill"]
    colour = element.get("fillcolor") or "#ffffff"
    if not fills:
        return {"background-color": colour}
    fill = fills[0]
    colour = fill.get("color") or colour
    style = {"background-color": colour}
    kind = fill.get("type").lower()
    source = fill.get("src").translate(_NO_QUOTES)
    if fill.get("src"):
        style["background-image"] = f'url("{source}")'
        if kind == "frame":
            style["background-size"] = "cover"
            style["background-repeat"] = "no-repeat"
        style["background-position"] = "center"
    elif kind.startswith("gradient") and fill.get("color2"):
        style["background-image"] = f"linear-gradient({fill.get('color2')}, {colour})"
    return style


def _corner_radius(element: Element, box: Mapping[str, str]) -> str:
    sides = [length_in_px(box[side]) for side in ("width", "height") if side in box]
    shorter = min(filter(None, sides), default=0)
    radius = _arc(element.get("arcsize").strip()) * shorter
    return f"{radius:g}px"


def _arc(arcsize: str) -> float:
    """Return the roundness of the corners, as a part of the shorter side: "10%", "0.1", or "6554f"
    of 65,536.
    """
    number = re.match(r"\d+(?:\.\d*)?|\.\d+", arcsize)
    if not number:
        return 0.2
    parts = _PARTS.get(arcsize[-1:], 1)
    return min(float(number[0]) / parts, 0.5)


class Row(NamedTuple):
    """A mail in the list of a client.

    `bleed`: text of the body that fills the row after the preheader.
    """

    client: str
    on_one_line: bool
    subject: str
    preheader: str
    bleed: str


# Clients cut by the width of the letters and of the window, so numbers of characters are
# approximate. Subjects and preheaders on the iPhone: EmailTooltester's measurements (iPhone 14,
# upright). Outlook for Windows and Gmail's preheader: the table that Litmus made and others keep
# ("Outlook 2013 and up: 35", "Gmail in a browser: 97"). Gmail puts both on one line, about 120
# letters in a window of 1280 pixels; its app on a phone shows about 37 and 40 of each.
_LISTS = (
    ("Gmail in a browser", 70, 97, 120),
    ("Apple Mail, iPhone", 48, 99, 0),
    ("Outlook, Windows", 60, 35, 0),
    ("Gmail, Android", 37, 40, 0),
)
"""The characters that a client shows: of a subject, of a preheader, and of both if they share a
line (else 0).
"""

# Invisible characters that senders put after a preheader, so that the text of the body does not
# follow it.
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff]")


def rows(subject: str, preheader: str, html: str) -> Iterator[Row]:
    """Yield the row of each client, which shows the text of the HTML from its beginning, hidden
    text first.
    """
    text = " ".join(parse_html(html).lines().split())
    own = " ".join(preheader.split())
    hidden = len(own) if text.startswith(own) else 0
    for client, of_subject, of_preheader, of_line in _LISTS:
        shown = _truncate(subject, of_subject)
        left = of_preheader
        if of_line:
            left = min(of_preheader, of_line - len(shown))
        bleed = _visible(_truncate(text[hidden:], left - hidden))
        yield Row(
            client=client,
            on_one_line=of_line > 0,
            subject=shown,
            preheader=_truncate(_visible(own), left),
            bleed="" if bleed == "…" else bleed,
        )


def _visible(text: str) -> str:
    return " ".join(_UNSEEN.sub("", text).split())


def _truncate(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    if longest <= 0:
        return ""
    return f"{text[: longest - 1].rstrip()}…"
