"""The colours of a brand, light and dark.

Text has a contrast of at least 4.5 : 1 with its background (WCAG 2.2, 1.4.3).
"""

import colorsys
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec

from keyturn.mail.rendering.compiling import one_line
from keyturn.mail.rendering.contrast import ENOUGH, channels, contrast
from keyturn.service.settings import Brand

_LINE = 0.12
"""The share of the text's colour in a line, as in Keyturn's own colours."""

_PANEL = 0.045
"""The share of the text's colour in a dark panel, as in Keyturn's own colours."""

_APART = 1.05
"""The least contrast of a dark panel with its background. Keyturn's own have 1.07."""


class Palette(msgspec.Struct, frozen=True, kw_only=True):
    """The colours of a brand, as #rrggbb.

    `ground`, `mail_ground`, `panel`: backgrounds of a page, a mail, and a panel on them.
    `ink`, `muted`: text, and less important text.
    `accent`: the main action. `on_accent`: the text on it.
    """

    ground: str = "#faf9f6"
    mail_ground: str = "#f4f2ec"
    panel: str = "#ffffff"
    ink: str = "#1c1b19"
    muted: str = "#66635c"
    line: str = "#e3dfd6"
    error: str = "#b3261e"
    warning: str = "#8a5a00"
    accent: str = "#14614b"
    on_accent: str = "#ffffff"
    dark_ground: str = "#141412"
    dark_mail_ground: str = "#121210"
    dark_panel: str = "#1b1b18"
    dark_ink: str = "#ecebe6"
    dark_muted: str = "#a8a59c"
    dark_line: str = "#2c2b27"
    dark_error: str = "#ff9b90"
    dark_warning: str = "#e6b450"
    dark_accent: str = "#6fd3ae"
    dark_on_accent: str = "#0b1f18"


_PLAIN = Palette()
_TOO_LOW = f"a contrast under {ENOUGH} : 1"


class AdjustedPalette(NamedTuple):
    """The palette for a brand's colours. `warnings`: one for each adjusted colour."""

    palette: Palette
    warnings: Sequence[str]


def palette_of(brand: Brand) -> AdjustedPalette:
    """Return the palette for a brand's colours.

    All text is readable on the backgrounds. The accent is, too, since it is the colour of links.
    """
    light, warnings = _scheme("", brand.accent, brand.ground)
    dark, more = _scheme("dark_", brand.accent_dark, brand.ground_dark)
    return AdjustedPalette(Palette(**light, **dark), warnings + more)


def _scheme(scheme: str, accent: str, ground: str) -> tuple[dict[str, str], list[str]]:
    """Return the colours of a scheme by their names, and warnings.

    `scheme`: "" or "dark_". The background is changed until all text is readable on it.
    """
    is_dark = bool(scheme)
    suffix = "_dark" if is_dark else ""
    warnings = []
    colours = _plain_colours(scheme)

    texts = [colours[name] for name in ("ink", "muted", "error", "warning")]
    if ground.lower() != colours["ground"]:
        readable = _make_readable(ground, texts, darken=is_dark)
        colours["ground"] = readable
        colours["mail_ground"] = readable
        colours["line"] = _mix(readable, colours["ink"], _LINE)
        if is_dark:  # a dark panel has the hue of its background
            colours["panel"] = _dark_panel(readable, colours["ink"], texts)
        if ground.lower() != readable:
            warnings.append(
                f"brand.ground{suffix}: texts on {ground} have {_TOO_LOW}; {readable} is used "
                "instead"
            )

    grounds = [colours[name] for name in ("panel", "mail_ground", "ground")]
    readable = _make_readable(accent, grounds, darken=not is_dark)
    colours["accent"] = readable
    colours["on_accent"] = _text_on(
        readable, colours["on_accent"], _PLAIN.on_accent, _PLAIN.dark_on_accent
    )
    if accent.lower() != readable:
        warnings.append(
            f"brand.accent{suffix}: {accent} has {_TOO_LOW} with the background; {readable} is "
            "used instead"
        )
    return {scheme + name: colour for name, colour in colours.items()}, warnings


def _plain_colours(scheme: str) -> dict[str, str]:
    """Return Keyturn's own colours of a scheme, by their names without the scheme."""
    plain = msgspec.structs.asdict(_PLAIN)
    return {name: plain[scheme + name] for name in plain if not name.startswith("dark_")}


def _dark_panel(ground: str, ink: str, texts: Sequence[str]) -> str:
    """Return the colour of a panel, a little lighter than its background.

    It is darker if text would be unreadable on the lighter one.
    """
    lighter = _make_readable(_mix(ground, ink, _PANEL), texts, darken=True)
    if contrast(lighter, ground) >= _APART:
        return lighter
    return _mix(ground, "#000000", 2 * _PANEL)


def _make_readable(colour: str, others: Sequence[str], *, darken: bool) -> str:
    """Return the colour, with its lightness changed until its contrast with all others suffices."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*channels(colour))
    readable = colour.lower()
    while any(contrast(readable, other) < ENOUGH for other in others):
        lightness += -0.01 if darken else 0.01
        readable = _hex(colorsys.hls_to_rgb(hue, min(max(lightness, 0), 1), saturation))
    return readable


def _text_on(ground: str, *candidates: str) -> str:
    """Return the first candidate that is readable on `ground`, else black or white."""
    for candidate in candidates:
        if contrast(candidate, ground) >= ENOUGH:
            return candidate
    if contrast("#000000", ground) >= contrast("#ffffff", ground):
        return "#000000"
    return "#ffffff"


def _mix(ground: str, ink: str, share: float) -> str:
    mixed = []
    for behind, above in zip(channels(ground), channels(ink), strict=True):
        mixed.append(behind + (above - behind) * share)
    return _hex(mixed)


def _hex(channels: Iterable[float]) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


_UNBRANDED: Mapping[str, Any] = {"logo_url": "", "logo_dark_url": "", "radius": 8, "font": ""}


def branding(brand: Mapping[str, Any], palette: Palette) -> Mapping[str, Any]:
    """Return the values that Keyturn's own templates get with their props."""
    values = {**_UNBRANDED, "logo_alt": brand["name"], **brand}
    for name, value in values.items():
        if isinstance(value, str):
            values[name] = one_line(value)
    return {"brand": SimpleNamespace(**values), "palette": palette}
