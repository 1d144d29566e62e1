"""Every text on every ground of a brand is readable, whatever colours the brand has (WCAG 2.2,
1.4.3).
"""

import colorsys
from itertools import product

import pytest

from keyturn.mail.rendering.contrast import contrast
from keyturn.service.reset.mails.palette import Palette, palette_of
from keyturn.service.settings import Brand

AWKWARD = [
    "#ffd400",
    "#f7f3d0",
    "#ffffff",
    "#0a0a0a",
    "#000000",
    "#777777",
    "#ff0000",
    "#00ff00",
    "#0000ff",
    "#FF69B4",
]


def least_contrast(palette: Palette) -> float:
    """Return the contrast of that text which is hardest to read, of each with each ground that it
    stands on.
    """
    pairs = [(palette.on_accent, palette.accent), (palette.dark_on_accent, palette.dark_accent)]
    for dark in ("", "dark_"):
        texts, grounds = (
            [getattr(palette, dark + name) for name in names.split()]
            for names in ("ink muted error warning accent", "panel mail_ground ground")
        )
        pairs += product(texts, grounds)
    return min(contrast(*pair) for pair in pairs)


def hue(colour: str) -> float:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)[0]


@pytest.mark.parametrize("brand", [Brand(), Brand(accent="#14614B", accent_dark="#6FD3AE")])
def test_the_default_colours_are_readable_and_used_as_they_are(brand: Brand) -> None:
    assert palette_of(brand) == (Palette(), [])
    assert least_contrast(Palette()) >= 4.5


def test_any_brand_colour_becomes_readable() -> None:
    for red, green, blue in product(range(0, 256, 51), repeat=3):
        colour = f"#{red:02x}{green:02x}{blue:02x}"
        palette, _ = palette_of(Brand(accent=colour, accent_dark=colour))

        assert least_contrast(palette) >= 4.5, colour


def test_an_adjusted_colour_keeps_its_hue_and_is_told_with_its_setting_and_what_is_used() -> None:
    palette, warnings = palette_of(Brand(accent="#ffd400", accent_dark="#000080"))

    assert warnings == [
        f"brand.{setting}: {colour} has a contrast under 4.5 : 1 with the background; {used} is "
        "used instead"
        for setting, colour, used in (
            ("accent", "#ffd400", palette.accent),
            ("accent_dark", "#000080", palette.dark_accent),
        )
    ]
    assert hue(palette.accent) == pytest.approx(hue("#ffd400"), abs=0.01)
    assert hue(palette.dark_accent) == pytest.approx(hue("#000080"), abs=0.01)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21),
        ("#ffffff", "#ffffff", 1),
        ("#767676", "#ffffff", 4.54),
        ("#ffffff", "#ff0000", 4.0),
    ],
)
def test_contrast_is_what_wcag_defines_in_either_order(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast(other, one) == contrast(one, other)


@pytest.mark.parametrize("ground", [*AWKWARD, "#14614b", "#d8e6ff"])
def test_any_ground_is_one_that_every_text_is_readable_on(ground: str) -> None:
    palette, warnings = palette_of(Brand(ground=ground, ground_dark=ground))

    assert least_contrast(palette) >= 4.5
    assert palette.mail_ground == palette.ground
    for name, got in (("ground", palette.ground), ("ground_dark", palette.dark_ground)):
        warning = (
            f"brand.{name}: texts on {ground} have a contrast under 4.5 : 1; {got} is used instead"
        )
        assert (warning in warnings) == (got != ground.lower())


def test_a_dark_panel_stands_out_from_any_ground() -> None:
    for ground in [
        *AWKWARD,
        "#14614b",
        "#c0c0c0",
        *(f"#{grey:02x}{grey:02x}{grey:02x}" for grey in range(64)),
    ]:
        palette, _ = palette_of(Brand(ground_dark=ground))

        assert contrast(palette.dark_panel, palette.dark_ground) >= 1.05, ground
        assert least_contrast(palette) >= 4.5, ground
