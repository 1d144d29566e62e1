"""The contrast of two colours (WCAG 2.2, 1.4.3). A colour is written as #rrggbb."""

ENOUGH = 4.5


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def channels(colour: str) -> tuple[float, float, float]:
    """Return red, green and blue, each from 0 to 1."""
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = map(linear_light, channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear_light(channel: float) -> float:
    """Return the light of a channel of sRGB, both from 0 to 1 (WCAG 2.2, relative luminance)."""
    if channel <= 0.04045:
        return channel / 12.92
    return float(((channel + 0.055) / 1.055) ** 2.4)
