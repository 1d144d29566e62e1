"""A brand: files that can be served, a font that is one, and the sentence for what is not."""

from pathlib import Path

import pytest
from tests.driver.pictures import PNG, SVG
from tests.functions.settings.reading import Faults, Read


def test_files_are_found_beside_keyturn_toml_and_addresses_stay_as_they_are(read: Read, tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_bytes(SVG)
    (tmp_path / "mail.png").write_bytes(PNG)
    settings = read(
        '[brand]\nlogo = "logo.svg"\nlogo_dark = "https://cdn.northwind.example/dark.svg"\nmail_logo = "mail.png"\n'
        "font = '\"Source Sans 3\", Georgia, sans-serif'\nradius = 0"
    )

    assert Path(settings.brand.logo).resolve() == (tmp_path / "logo.svg").resolve()
    assert settings.brand.logo_dark == "https://cdn.northwind.example/dark.svg"
    assert settings.brand.radius == 0


def test_each_file_that_cannot_be_served_is_told_by_its_setting(faults: Faults, tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_bytes(SVG)
    (tmp_path / "page.svg").write_text("<html><svg/></html>")
    (tmp_path / "large.png").write_bytes(PNG + bytes(200_000))
    found = faults(
        """
        [brand]
        logo = "page.svg"
        logo_dark = "nothing.png"
        mail_logo = "logo.svg"
        mail_logo_dark = "large.png"
        [kinds.school.brand]
        logo = "."
        """
    )

    reasons = {
        "brand.logo": "must be an SVG, PNG, JPEG, GIF or WebP image: ",
        "brand.logo_dark": "no such file: ",
        "brand.mail_logo": "mail programs do not show SVG images: use a PNG, JPEG or GIF",
        "brand.mail_logo_dark": "is larger than 200 kB: ",
        "kinds.school.brand.logo": "cannot be read: ",
    }
    assert set(found) == set(reasons)
    for name, reason in reasons.items():
        assert found[name].startswith(reason), found[name]


@pytest.mark.parametrize(
    "font", ["a; } body { color: red", "url(x)", "<b>", "`a`", '"open', "a,,b", "\\65", '"O\'Neil"', '"R&D"']
)
def test_a_font_is_a_list_of_families_and_no_more_css(faults: Faults, font: str) -> None:
    assert set(faults(KEYTURN_BRAND_FONT=font)) == {"brand.font"}


@pytest.mark.parametrize("radius", ["-1", "25", "8px"])
def test_corners_are_pixels_within_reason(faults: Faults, radius: str) -> None:
    assert set(faults(KEYTURN_BRAND_RADIUS=radius)) == {"KEYTURN_BRAND_RADIUS"}
