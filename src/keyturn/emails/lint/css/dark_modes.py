"""What mail clients do to colours in the dark. Models, made from what can be observed: no client publishes its own.

Nothing changed, own dark styles honoured: Apple Mail, Thunderbird, HEY.
Partial inversion: light grounds turn dark and dark text light, dark areas stay; what the mail says for `[data-ogsc]`
and `[data-ogsb]` counts. Outlook.com, and Outlook on Android and iOS.
Full inversion: all is turned round, no dark styles are honoured. Gmail on iOS, Outlook for Windows.
"""

from dataclasses import dataclass
from typing import Literal

from keyturn.emails.lint.css.colours import Colour, lightness, with_lightness
from keyturn.mail.rendering.palette import ENOUGH, contrast

_MIDDLE = 50


@dataclass(frozen=True, slots=True)
class Mode:
    """Describes a way in which a client shows mails in dark.

    `ground` is what a mail without a ground of its own lies on, `says` how a finding speaks of the mode.

    `honours`: the styles that count beside the plain ones.
    """

    name: str
    says: str
    ground: Colour
    honours: Literal["", "prefers-color-scheme", "data-ogs"] = ""

    @property
    def inverts(self) -> bool:
        return self.name in ("partial", "full")


LIGHT = Mode("light", "in light", Colour(1, 1, 1))
DARK = Mode("dark", "in the mail's own dark styles", Colour(1, 1, 1), "prefers-color-scheme")
PARTIAL = Mode("partial", "when Outlook.com inverts (modelled)", Colour(0x2D / 255, 0x2D / 255, 0x2D / 255), "data-ogs")
FULL = Mode("full", "when Gmail on iOS inverts (modelled)", Colour(0x14 / 255, 0x14 / 255, 0x14 / 255))

# Where a mail says that it has a dark scheme and names no ground: Apple Mail on iOS.
DARK_CANVAS = Colour(0x1C / 255, 0x1C / 255, 0x1E / 255)


def invert_ground(colour: Colour, mode: Mode) -> Colour:
    """Return the ground that a client makes of one. In a partial inversion a dark one stays as it is."""
    if mode is PARTIAL and lightness(colour) <= _MIDDLE:
        return colour
    return _invert(colour, mode)


def invert_text(colour: Colour, ground: Colour, mode: Mode) -> Colour:
    """Return the text colour that a client makes of one on a ground that it has already made.

    Outlook.com keeps what can be read, and moves what it inverts until it can.
    """
    if mode is FULL:
        return _invert(colour, mode)
    if contrast(str(colour), str(ground)) >= ENOUGH:
        return colour
    found = _invert(colour, mode)
    step = 1 if lightness(ground) < _MIDDLE else -1
    while contrast(str(found), str(ground)) < ENOUGH and 0 < lightness(found) < 99.5:  # short of white
        found = with_lightness(found, lightness(found) + step)
    return found


def _invert(colour: Colour, mode: Mode) -> Colour:
    """Turn the lightness round, between the client's own dark ground and white."""
    least = lightness(mode.ground)
    return with_lightness(colour, least + (100 - lightness(colour)) * (100 - least) / 100)
