"""Keyturn's own mails: the templates of a brand, and their samples."""

from pathlib import Path
from typing import TypeVar

import msgspec

from keyturn.extras import folder
from keyturn.mail.languages.catalogues import PACKAGED
from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.folders import own_files
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.service.reset.mails.theme import Theme
from keyturn.service.settings import Brand
from keyturn.studio.gallery import Sample
from keyturn.studio.gallery.samples import hostile
from keyturn.studio.gallery.samples.files import find_samples, fit_samples

EMAILS = folder("email_templates")
NORTHWIND = Brand(
    name="Northwind School",
    support_address="help@northwind.example",
    postal_address="12 Harbour Street, Leeds",
)
LANGUAGES = Languages("UTC", PACKAGED)
Props = TypeVar("Props", bound=EmailProps)


def read_samples(props: type[Props], emails: Path = EMAILS) -> dict[str, Props]:
    """Return the samples of a mail, by name. Raises TemplateInvalid."""
    return fit_samples(
        find_samples(emails, props.template, own_files(props.template).markup), props
    )


def with_hostile(samples: dict[str, Props]) -> dict[str, Props]:
    """Return the samples, and those that the studio makes of the first one."""
    first = next(iter(samples.values()))
    made = hostile.hostile_samples(
        Sample("first", msgspec.structs.asdict(first), "typed"), type(first)
    )
    return samples | {one.name: type(first)(**one.values) for one in made}


def branded(**fields: object) -> Templates:
    """Return the shipped templates for Northwind School, with any of its brand's fields
    replaced.
    """
    brand = msgspec.structs.replace(NORTHWIND, **fields)
    theme = Theme(brand=brand, base_url="https://account.northwind.example")
    return Templates(EMAILS, theme.globals)
