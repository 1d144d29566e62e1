"""The brand of mails and pages, and the settings of the pages."""

from typing import Annotated

import msgspec
from msgspec import Meta

from keyturn.texts import FileOrUrl, Folder

Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$", description="a colour as #rrggbb")]
Pixels = Annotated[int, Meta(ge=1)]
Radius = Annotated[int, Meta(ge=0, le=24)]


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """Whose mails and pages these are. The text on an accent is chosen by contrast.

    `logo` stands for the name on the pages, `mail_logo` in mails, where it may be no SVG; `..._dark` stand in for them
    on a dark ground. Each is fitted into `logo_width` by `logo_height` CSS pixels, which are kept free for it.
    `logo_alt` is what it says where it cannot be seen, the name unless it is set.

    `ground` is what pages and mails lie on, `radius` the corners of buttons and fields in CSS pixels, `font` a list of
    families as CSS has it, and `stylesheet` a file that pages load after their own.
    """

    name: str = "Keyturn"
    accent: Colour = "#14614b"
    accent_dark: Colour = "#6fd3ae"
    ground: Colour = "#faf9f6"
    ground_dark: Colour = "#141412"
    logo: FileOrUrl = FileOrUrl("")
    logo_dark: FileOrUrl = FileOrUrl("")
    mail_logo: FileOrUrl = FileOrUrl("")
    mail_logo_dark: FileOrUrl = FileOrUrl("")
    logo_width: Pixels = 120
    logo_height: Pixels = 32
    logo_alt: str = ""
    radius: Radius = 8
    font: str = ""
    stylesheet: Folder = Folder("")
    support_address: str = ""
    postal_address: str = ""


class PagesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the hosted pages are drawn from.

    `templates` is a folder of one's own pages: what is in it stands in for Keyturn's own of the same name.
    """

    templates: Folder = Folder("")
