"""Colours of CSS, lightness (CIE L*a*b*, D65, as in CSS Color 4), and models of what clients do to
colours in the dark.

Own dark styles (Apple Mail, Thunderbird, HEY): colours stay, dark styles of the mail count. Partial
inversion (Outlook.com, Outlook's apps): what is light turns dark, `[data-ogsc]` and `[data-ogsb]`
count. Full inversion (Gmail on iOS, Outlook for Windows): everything is inverted, dark styles do
not count.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import mul, truediv
from typing import Literal, NamedTuple

from msgspec import Struct
from tinycss2 import color3

from keyturn.mail.rendering.contrast import ENOUGH, contrast, linear_light
from keyturn.studio.lint.css.stylesheets import parseable

_WHITE_POINT = (0.95047, 1.0, 1.08883)
_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_TO_RGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)
_EPSILON = 216 / 24389
_KAPPA = 24389 / 27

# Words in a `background` that are no colour.
_WORD = re.compile(r"#[0-9a-f]+\b|\b(?:rgb|hsl)a?\([^()]*\)|\b[a-z]+\b", re.IGNORECASE)
_IMAGE = re.compile(r"(?:url|(?<![a-z-])[a-z-]*gradient)\((?>[^()]+|\([^()]*\))*+\)", re.IGNORECASE)
_IMAGE_OR_WORD = re.compile(f"{_IMAGE.pattern}|{_WORD.pattern}", re.IGNORECASE)
_FUNCTION = re.compile(r"(?<![\w-])(?!-*(?:rgb|hsl)a?\()[a-z-]+\(", re.IGNORECASE)
_MIDDLE = 50
_NEARLY_WHITE = 99.5


class Colour(NamedTuple):
    """Red, green, blue and opacity, each from 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def blend_over(self, background: "Colour") -> "Colour":
        """Return what is seen of the colour over another one, which is opaque."""

        def blend(own: float, under: float) -> float:
            return own * self.alpha + under * (1 - self.alpha)

        return Colour(
            blend(self.red, background.red),
            blend(self.green, background.green),
            blend(self.blue, background.blue),
        )

    @property
    def _channels(self) -> bytes:
        return bytes(round(_between_0_and_1(channel) * 255) for channel in self[:3])

    @property
    def css(self) -> str:
        if self.alpha == 1:
            return str(self)
        red, green, blue = self._channels
        return f"rgba({red},{green},{blue},{self.alpha:g})"

    def __str__(self) -> str:
        return f"#{self._channels.hex()}"


def read_colour(value: str) -> Colour | None:
    """Read a colour.

    Returns None for other values, and for colours that depend on others, such as currentcolor.
    """
    colour = color3.parse_color(parseable(value))
    if not isinstance(colour, tuple):
        return None
    return Colour(*colour)


def read_background(value: str) -> Colour | None:
    """Return the colour of a `background`: transparent if it has none, None if it cannot be
    read.
    """
    without_images = _IMAGE.sub(" ", value)
    if _FUNCTION.search(without_images):
        return None
    for word in _WORD.findall(without_images):
        colour = read_colour(word)
        if colour:
            return colour
    return Colour(0, 0, 0, 0)


def replace_colours(value: str, change: Callable[[Colour], Colour]) -> str:
    """Change each colour in a value, such as that of a border. Images stay."""

    def replace(word: re.Match[str]) -> str:
        if _IMAGE.match(word[0]):
            return word[0]
        colour = read_colour(word[0])
        if colour is None or colour.alpha == 0:
            return word[0]
        return change(colour).css

    return _IMAGE_OR_WORD.sub(replace, value)


def _between_0_and_1(channel: float) -> float:
    return min(max(channel, 0.0), 1.0)


def _lightness(colour: Colour) -> float:
    """Return L*, 0 for black and 100 for white."""
    return _to_lab(colour)[0]


def _with_lightness(colour: Colour, wanted: float) -> Colour:
    """Return the colour at another L*, clipped to sRGB, with its opacity."""
    _, a, b = _to_lab(colour)
    fy = (min(max(wanted, 0), 100) + 16) / 116
    ratios = map(_from_lab_curve, (fy + a / 500, fy, fy - b / 200))
    xyz = list(map(mul, ratios, _WHITE_POINT))
    red, green, blue = map(_srgb_channel, _multiply(_TO_RGB, xyz))
    return Colour(red, green, blue, colour.alpha)


def _to_lab(colour: Colour) -> tuple[float, float, float]:
    rgb = list(map(linear_light, colour[:3]))
    ratios = map(truediv, _multiply(_TO_XYZ, rgb), _WHITE_POINT)
    fx, fy, fz = map(_to_lab_curve, ratios)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _to_lab_curve(ratio: float) -> float:
    """Return f of CIE L*a*b* for a channel of XYZ, as a part of the white point."""
    if ratio > _EPSILON:
        cube_root: float = ratio ** (1 / 3)
        return cube_root
    return (_KAPPA * ratio + 16) / 116


def _from_lab_curve(f: float) -> float:
    """Return the part of the white point of which this is f."""
    if f**3 > _EPSILON:
        return f**3
    return (116 * f - 16) / _KAPPA


def _srgb_channel(linear: float) -> float:
    """Return a channel of sRGB with its own curve, from linear light."""
    if linear <= 0.0031308:
        return _between_0_and_1(linear * 12.92)
    return _between_0_and_1(1.055 * linear ** (1 / 2.4) - 0.055)


def _multiply(matrix: Iterable[Iterable[float]], vector: Sequence[float]) -> Iterator[float]:
    return (sum(map(mul, row, vector)) for row in matrix)


class Mode(Struct, frozen=True):
    """A way to show mails, called `says`: the `background`, and the styles that it `honours` beside
    plain ones.
    """

    name: str
    says: str
    background: Colour
    honours: Literal["", "prefers-color-scheme:dark", "data-ogs"] = ""

    @property
    def inverts(self) -> bool:
        return self.name in ("partial", "full")

    def show_background(self, colour: Colour) -> Colour:
        """Return a background as it is shown. A partial inversion keeps dark ones."""
        if not self.inverts:
            return colour
        if self is PARTIAL and _lightness(colour) <= _MIDDLE:
            return colour
        return self._invert(colour)

    def show_text(self, colour: Colour, background: Colour) -> Colour:
        """Return a text colour on a background that is inverted already.

        Outlook.com shifts it until it is legible.
        """
        if self is FULL:
            return self._invert(colour)
        if not self.inverts or contrast(str(colour), str(background)) >= ENOUGH:
            return colour
        inverted = self._invert(colour)
        step = 1 if _lightness(background) < _MIDDLE else -1
        while contrast(str(inverted), str(background)) < ENOUGH:
            lightness = _lightness(inverted)
            if not 0 < lightness < _NEARLY_WHITE:
                break
            inverted = _with_lightness(inverted, lightness + step)
        return inverted

    def _invert(self, colour: Colour) -> Colour:
        """Invert the lightness between the client's dark background and white."""
        least = _lightness(self.background)
        inverted = 100 - _lightness(colour)
        return _with_lightness(colour, least + inverted * (100 - least) / 100)


def _from_bytes(red: int, green: int, blue: int) -> Colour:
    return Colour(red / 255, green / 255, blue / 255)


LIGHT = Mode("light", "in light", Colour(1, 1, 1))
DARK = Mode("dark", "in the mail's own dark styles", Colour(1, 1, 1), "prefers-color-scheme:dark")
PARTIAL = Mode(
    "partial", "when Outlook.com inverts (modelled)", _from_bytes(0x2D, 0x2D, 0x2D), "data-ogs"
)
FULL = Mode("full", "when Gmail on iOS inverts (modelled)", _from_bytes(0x14, 0x14, 0x14))

# The background of Apple Mail on iOS for a mail that declares a dark scheme without a background.
DARK_CANVAS = _from_bytes(0x1C, 0x1C, 0x1E)
