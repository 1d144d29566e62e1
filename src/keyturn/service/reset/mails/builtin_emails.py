"""Loads the mails that Keyturn sends, for the service, the studio, the checks and the tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from keyturn.mail.languages import Languages
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.packaging import folder
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.service.reset.mails.theme import Theme, themes_of
from keyturn.service.settings import Settings


def builtin_templates(settings: Settings, general: Theme, *, reload: bool = False) -> Templates:
    """Return Keyturn's own mails, replaced by those of the settings where they exist."""
    packaged, own = folder("email_templates"), settings.mail.templates
    first, beneath = (Path(own).resolve(), (packaged,)) if own else (packaged, ())
    return Templates(first, general.globals, beneath=beneath, reload=reload)


class BuiltinEmails(msgspec.Struct, frozen=True):
    """The contents of a gallery of the mails, by the names of its fields (`keyturn.studio.gallery.Gallery`)."""

    templates: Templates
    languages: Languages
    props: Mapping[str, type[EmailProps]]
    brands: Mapping[str, Mapping[str, Any]]


def builtin_emails(
    settings: Settings, others: Mapping[str, Mapping[str, Any]] = {}, *, reload: bool = False
) -> BuiltinEmails:
    """Return the mails with the brands of the kinds, and with `others`, by what differs. Raises SettingsInvalid."""
    themes = themes_of(settings, others, reload=reload)
    brands = {name: one.globals for name, one in themes.kinds.items()}
    templates = builtin_templates(settings, themes.general, reload=reload)
    return BuiltinEmails(templates, themes.languages, EMAILS, brands)
