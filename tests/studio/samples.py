"""Keyturn's own mails: the templates of a brand, and their samples."""

from pathlib import Path
from typing import TypeVar

import msgspec

from keyturn.mail.languages.catalogues import PACKAGED
from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.folders import own_files
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.packaging import folder
from keyturn.service.reset.mails.theme import Theme
from keyturn.service.settings import Brand
from keyturn.studio.gallery.samples.files import find_samples, fit_samples

NORTHWIND = Brand(
    name="Northwind School", support_address="help@northwind.example", postal_address="12 Harbour Street, Leeds"
)
LANGUAGES = Languages("UTC", PACKAGED)
Props = TypeVar("Props", bound=EmailProps)


def read_samples(folder_of_mails: Path, props: type[Props]) -> dict[str, Props]:
    """Return the samples of a mail, by name. Raises TemplateInvalid."""
    return fit_samples(find_samples(folder_of_mails, props.template, own_files(props.template).markup), props)


def branded(**fields: object) -> Templates:
    """Return the shipped templates for Northwind School, with any of its brand's fields replaced."""
    brand = msgspec.structs.replace(NORTHWIND, **fields)
    theme = Theme(brand=brand, base_url="https://account.northwind.example")
    return Templates(folder("email_templates"), theme.globals)
