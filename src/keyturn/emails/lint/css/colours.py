"""Colours as CSS writes them, laid over each other, and moved in lightness (CIE L*a*b*, D65, as in CSS Color 4)."""

import re
from collections.abc import Callable
from typing import NamedTuple

from tinycss2 import color3

from keyturn.emails.lint.css.stylesheets import with_finite_integers

_WHITE_POINT = (0.95047, 1.0, 1.08883)
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27

# Words in a `background` that are no colour.
_WORD = re.compile(r"#[0-9a-f]+\b|\b(?:rgb|hsl)a?\([^()]*\)|\b[a-z]+\b", re.IGNORECASE)
_IMAGE = re.compile(r"(?:url|(?<![a-z-])[a-z-]*gradient)\((?>[^()]+|\([^()]*\))*+\)", re.IGNORECASE)
_IMAGE_OR_WORD = re.compile(f"{_IMAGE.pattern}|{_WORD.pattern}", re.IGNORECASE)
_FUNCTION = re.compile(r"(?<![\w-])(?!-*(?:rgb|hsl)a?\()[a-z-]+\(", re.IGNORECASE)


class Colour(NamedTuple):
    """Red, green and blue from 0 to 1, and how much of it covers what lies under it."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def blend_over(self, ground: "Colour") -> "Colour":
        return Colour(
            *(mine * self.alpha + under * (1 - self.alpha) for mine, under in zip(self[:3], ground, strict=False))
        )

    @property
    def css(self) -> str:
        """The colour with how much it covers."""
        channels = ",".join(str(round(min(max(channel, 0), 1) * 255)) for channel in self[:3])
        return str(self) if self.alpha == 1 else f"rgba({channels},{self.alpha:g})"

    def __str__(self) -> str:
        return "#" + "".join(f"{round(min(max(channel, 0), 1) * 255):02x}" for channel in self[:3])


def read_colour(value: str) -> Colour | None:
    """Return a colour, transparent for "transparent"; None for what is no colour or depends on something else."""
    found = color3.parse_color(with_finite_integers(value))
    return Colour(*found) if isinstance(found, tuple) else None


def read_ground(value: str) -> Colour | None:
    """Return the colour in a `background`, transparent where it has none; None where it cannot be read here."""
    without_images = _IMAGE.sub(" ", value)
    if _FUNCTION.search(without_images):
        return None
    colours = (read_colour(word) for word in _WORD.findall(without_images))
    return next((colour for colour in colours if colour), Colour(0, 0, 0, 0))


def replace_colours(value: str, change: Callable[[Colour], Colour]) -> str:
    """Return a value, of a border for example, with each of its colours changed; an image in it stays as it is."""

    def replace(word: re.Match[str]) -> str:
        found = None if _IMAGE.match(word[0]) else read_colour(word[0])
        return change(found).css if found and found.alpha else word[0]

    return _IMAGE_OR_WORD.sub(replace, value)


def lightness(colour: Colour) -> float:
    """Return L*, 0 for black and 100 for white."""
    return _to_lab(colour)[0]


def with_lightness(colour: Colour, wanted: float) -> Colour:
    """Return the colour at another L*; what leaves sRGB is cut off there."""
    _, a, b = _to_lab(colour)
    return _from_lab(min(max(wanted, 0), 100), a, b)


def _to_lab(colour: Colour) -> tuple[float, float, float]:
    red, green, blue = (_linear(channel) for channel in colour[:3])
    x = 0.4124564 * red + 0.3575761 * green + 0.1804375 * blue
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = 0.0193339 * red + 0.1191920 * green + 0.9503041 * blue
    fx, fy, fz = (_lab_curve(value / white) for value, white in zip((x, y, z), _WHITE_POINT, strict=True))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _from_lab(light: float, a: float, b: float) -> Colour:
    fy = (light + 16) / 116
    x, y, z = (
        _lab_uncurve(value) * white for value, white in zip((fy + a / 500, fy, fy - b / 200), _WHITE_POINT, strict=True)
    )
    red = 3.2404542 * x - 1.5371385 * y - 0.4985314 * z
    green = -0.9692660 * x + 1.8760108 * y + 0.0415560 * z
    blue = 0.0556434 * x - 0.2040259 * y + 1.0572252 * z
    return Colour(*(min(max(_gamma(channel), 0.0), 1.0) for channel in (red, green, blue)))


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # sRGB's own


def _gamma(channel: float) -> float:
    return channel * 12.92 if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055  # sRGB's own


def _lab_curve(value: float) -> float:
    return value ** (1 / 3) if value > _EPSILON else (_KAPPA * value + 16) / 116


def _lab_uncurve(value: float) -> float:
    return value**3 if value**3 > _EPSILON else (116 * value - 16) / _KAPPA
