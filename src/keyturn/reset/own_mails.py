"""The mails that Keyturn sends, as the studio, the checks and the tests look at them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from keyturn.errors import Fault, SettingsInvalid
from keyturn.gallery import Gallery
from keyturn.languages import Languages
from keyturn.mail.palette import palette_for
from keyturn.mail.render import Templates, branding
from keyturn.reset.emails import EMAILS
from keyturn.resources import folder
from keyturn.settings import Brand


def own_templates(brand: Brand, *, reload: bool = False) -> Templates:
    return Templates(folder("email_templates"), _globals(brand), reload=reload)


def own_gallery(
    templates: Templates, languages: Languages, brand: Brand, others: Mapping[str, Mapping[str, Any]]
) -> Gallery:
    """Return the gallery over the mails. `others` are brands to switch to: what differs from the own one, by name.

    Raises SettingsInvalid with every fault in them.
    """
    brands, faults = {}, []
    for name, differs in others.items():
        try:
            brands[name] = _globals(msgspec.convert({**msgspec.structs.asdict(brand), **differs}, Brand))
        except msgspec.ValidationError as error:
            faults.append(Fault(f"studio.brands.{name}", str(error)))
    if faults:
        raise SettingsInvalid(faults)
    return Gallery(templates=templates, languages=languages, props=EMAILS, brands=brands)


def _globals(brand: Brand) -> Mapping[str, Any]:
    palette, _ = palette_for(brand.accent, brand.accent_dark)
    return branding(msgspec.structs.asdict(brand), palette)
