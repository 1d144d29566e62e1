"""VML as HTML that looks like it: the buttons and grounds that mails draw for Word, which draws them so.

Shapes as in W3C's note "Vector Markup Language" (1998), of which mails use four: rectangles, with round corners or
without, ovals and images. What else there is of it, and of Office's XML, is left out.
"""

import re
from collections.abc import Iterator
from html import escape

from keyturn.mail.rendering.html_tree import Element, parse_html, splice

_XML = re.compile(r"<xml\b(?:(?!<xml\b).)*?</xml\s*>", re.IGNORECASE | re.DOTALL)
_LENGTH = re.compile(r"^(-?[\d.]+)(px|pt|in|%)?$")
_SHAPES = ("v:rect", "v:roundrect", "v:oval")
_KEPT = ("width", "height", "top", "left", "position", "z-index")
_PIXELS = {"pt": 4 / 3, "in": 96.0, "px": 1.0, "": 1.0}
_NO = ("f", "false")


def draw_vml(html: str) -> str:
    """Return the HTML with elements that browsers draw in place of VML."""
    if not re.search(r"<(?:v|w|o):|<xml\b", html, re.IGNORECASE):
        return html
    html = _XML.sub("", html)
    root = parse_html(html)
    return splice(html, (change for element in root.walk() if ":" in element.tag for change in _redraw(element)))


def _redraw(element: Element) -> Iterator[tuple[int, int, str]]:
    """Yield what stands in place of its start tag and its end tag. One of VML may close itself."""
    start, end = (element.offset, element.inner.start), (element.inner.stop, element.end)
    opening, closing = "", ""
    if element.tag in _SHAPES:
        tag = "a" if element.get("href") else "div"
        link = f' href="{escape(element.get("href"))}"' if tag == "a" else ""
        opening, closing = (
            f'<{tag} data-vml{_marks(element)}{link} style="{escape(_shape_style(element))}">',
            f"</{tag}>",
        )
    elif element.tag == "v:textbox":
        opening, closing = f'<div data-vml style="{escape(_inset(element))}">', "</div>"
    elif element.tag == "v:image":
        image = f'src="{escape(element.get("src"))}" alt="" style="{escape(_css(_box(element)))}"'
        opening = f"<img data-vml{_marks(element)} {image}>"
    yield *start, opening
    if end[1] > start[1]:
        yield *end, closing
    elif closing:
        yield start[1], start[1], closing


def _shape_style(element: Element) -> str:
    box = _box(element)
    style = {"box-sizing": "border-box", "max-width": "100%", **box}
    if element.get("href"):
        style |= {"display": "inline-flex", "align-items": "center", "justify-content": "center"}
        style |= {"text-decoration": "none", "text-align": "center"}
    style |= _fill(element) | _stroke(element)
    if element.tag == "v:oval":
        style["border-radius"] = "50%"
    if element.tag == "v:roundrect":
        sides = [_pixels(box[side]) for side in ("width", "height") if side in box]
        style["border-radius"] = f"{_arc(element.get('arcsize')) * min(filter(None, sides), default=0):g}px"
    return _css(style)


def _fill(element: Element) -> dict[str, str]:
    fill = next((one for one in element.children if one.tag == "v:fill"), None)
    if element.get("filled").lower() in _NO or element.get("fill").lower() in _NO:
        return {}
    colour = (fill.get("color") if fill else "") or element.get("fillcolor")
    style = {"background-color": colour or "#ffffff"}
    if fill and fill.get("src"):
        whole = fill.get("type").lower() == "frame"
        style["background-image"] = f'url("{fill.get("src").translate(_NO_QUOTES)}")'
        style |= {"background-size": "cover", "background-repeat": "no-repeat"} if whole else {}
        style["background-position"] = "center"
    elif fill and fill.get("type").lower().startswith("gradient") and fill.get("color2"):
        style["background-image"] = f"linear-gradient({fill.get('color2')}, {colour or '#ffffff'})"
    return style


_NO_QUOTES = str.maketrans({'"': "%22", "\\": "%5C", "\n": ""})


def _stroke(element: Element) -> dict[str, str]:
    if "f" in (element.get("stroke").lower()[:1], element.get("stroked").lower()[:1]):
        return {}
    width = _pixels(element.get("strokeweight")) or 1
    return {"border": f"{width:g}px solid {element.get('strokecolor') or '#000000'}"}


def _box(element: Element) -> dict[str, str]:
    said = dict(_declarations(element.get("style")))
    box = {name: said[name] for name in _KEPT if name in said}
    if said.get("mso-width-percent") == "1000":
        box["width"] = "100%"
    return box


def _inset(element: Element) -> str:
    sides = [f"{_pixels(side.strip() or default):g}px" for side, default in _sides(element.get("inset"))]
    return _css({"padding": f"{sides[1]} {sides[2]} {sides[3]} {sides[0]}"})


def _sides(inset: str) -> list[tuple[str, str]]:
    """Return left, top, right and bottom, each with what it is where nothing is said."""
    said = inset.split(",")
    return list(zip([*said, "", "", "", ""][:4], ("0.1in", "0.05in", "0.1in", "0.05in"), strict=True))


def _arc(said: str) -> float:
    """Return how round the corners are, as a part of the shorter side: "10%", "0.1", or "6554f" of 65,536."""
    number = re.match(r"[\d.]+", said.strip())
    if not number or number[0].count(".") > 1 or number[0] == ".":
        return 0.2
    value = float(number[0])
    return min(
        value / 100 if said.strip().endswith("%") else value / 65536 if said.strip().endswith("f") else value, 0.5
    )


def _pixels(length: str) -> float:
    found = _LENGTH.match(length.strip())
    try:
        return float(found[1]) * _PIXELS.get(found[2] or "", 0) if found else 0
    except ValueError:
        return 0


def _declarations(style: str) -> Iterator[tuple[str, str]]:
    for declaration in style.split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _css(style: dict[str, str]) -> str:
    return ";".join(f"{name}:{value.replace(';', '')}" for name, value in style.items())


def _marks(element: Element) -> str:
    """Return the marks that lead to the template."""
    kept = ((name, element.get(name)) for name in ("class", "data-keyturn"))
    return "".join(f' {name}="{escape(value)}"' for name, value in kept if value)
