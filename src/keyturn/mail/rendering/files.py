"""Which files a mail is made of."""

import re
from typing import NamedTuple

_TEMPLATE_OF = re.compile(
    r"(\.(?:mjml|html?|xhtml|xml|txt|text|subject|css))\.[^./]+$|\.(?:j2|jinja2?)$", re.IGNORECASE
)
_LIQUID_FIRST = re.compile(r"\.liquid(?=\.(?:mjml|html?|txt|text)$)", re.IGNORECASE)
_FORMAT = re.compile(r"\.(?:mjml|html?|xhtml|xml|txt|text|subject|css)$", re.IGNORECASE)


class MailFiles(NamedTuple):
    """The files of one mail, relative to the folder of its templates, as Jinja names them.

    `text` is empty where the mail has no text part, `subject` where the markup's own title is the subject.
    """

    markup: str
    text: str = ""
    subject: str = ""

    @property
    def is_mjml(self) -> bool:
        """Whether it is compiled; a mail may be plain HTML, too."""
        return plain_name(self.markup).lower().endswith(".mjml")


class UnnamedMjml(MailFiles):
    """The files of a mail whose markup is MJML, though its name does not say so: "welcome.tpl"."""

    __slots__ = ()

    @property
    def is_mjml(self) -> bool:
        return True


def plain_name(file: str) -> str:
    """Return the name without the ending that says that it is a template: "welcome.html" for "welcome.html.j2".

    Any ending behind one that names a format is such a one, and "liquid" also in front of it.
    """
    file = _LIQUID_FIRST.sub("", file)
    return file if _FORMAT.search(file) else _TEMPLATE_OF.sub(r"\1", file)


def own_files(name: str) -> MailFiles:
    """Return the files of a mail that has a folder of its own name, as Keyturn's own mails have."""
    return MailFiles(f"{name}/{name}.mjml", f"{name}/{name}.txt")
