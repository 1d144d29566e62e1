"""The mails that Keyturn sends, as the studio, the checks and the tests look at them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.gallery import Gallery
from keyturn.languages import PACKAGED, Languages
from keyturn.mail.palette import palette_for
from keyturn.mail.render import Templates, branding
from keyturn.reset.emails import EMAILS
from keyturn.resources import folder
from keyturn.settings import Brand, Settings


def own_templates(brand: Brand, *, reload: bool = False) -> Templates:
    return Templates(folder("email_templates"), _globals(brand), reload=reload)


def own_languages(settings: Settings, *, reload: bool = False) -> Languages:
    """Return the packaged languages, with what the settings add to them."""
    added = [Path(settings.locales)] if settings.locales else []
    return Languages(settings.timezone, PACKAGED, *added, reload=reload)


def own_gallery(
    settings: Settings, others: Mapping[str, Mapping[str, Any]] | None = None, *, reload: bool = False
) -> Gallery:
    """Return the gallery over the mails. `others` are brands to switch to: what differs from the own one, by name.

    Raises SettingsInvalid with every fault in them.
    """
    brands, faults = {}, []
    for name, differs in (others or {}).items():
        try:
            brands[name] = _globals(msgspec.convert({**msgspec.structs.asdict(settings.brand), **differs}, Brand))
        except msgspec.ValidationError as error:
            faults.append(Fault(f"studio.brands.{name}", str(error)))
    if faults:
        raise SettingsInvalid(faults)
    return Gallery(
        templates=own_templates(settings.brand, reload=reload), languages=own_languages(settings, reload=reload),
        props=EMAILS, brands=brands,
    )  # fmt: skip


def _globals(brand: Brand) -> Mapping[str, Any]:
    palette, _ = palette_for(brand.accent, brand.accent_dark)
    return branding(msgspec.structs.asdict(brand), palette)
