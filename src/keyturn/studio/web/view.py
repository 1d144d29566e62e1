"""The view of a page, as its address holds it: every state can be linked to."""

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from keyturn.studio.lint.finding import Place

WIDTHS = {320: "small phone", 375: "phone", 600: "tablet", 1280: "desktop"}
"""The presets, in CSS pixels.

A reading pane on a tablet, beside its list, leaves a mail about 600.
"""

_LINE = re.compile(r".+:[1-9]\d{0,6}", re.DOTALL)  # a name may hold any character

Width = Annotated[int, Meta(ge=280, le=1600)]
PageNumber = Annotated[int, Meta(ge=1, le=100_000)]
Scheme = Literal["light", "dark", "partial", "full", "word"]
Tab = Literal["data", "checks", "links", "headers", "reading", "attachments"]


class PageAddress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The query of a page. A field of several values is repeated, as in a form."""

    def to(self, **changes: Any) -> Self:
        return msgspec.structs.replace(self, **changes)

    def here(self, **changes: Any) -> str:
        """Return the query with changes; "?" alone if it has only defaults."""
        return str(self.to(**changes)) or "?"

    def fields(self, **changes: Any) -> list[tuple[str, str]]:
        """Return the names and values of a form with this query, and changes; without defaults."""
        pairs = []
        for name, value in msgspec.to_builtins(self.to(**changes)).items():
            if isinstance(value, list | tuple):
                pairs += [(name, str(one)) for one in value]
            else:
                pairs.append((name, str(value)))
        return pairs

    def __str__(self) -> str:
        """Return the query with its `?`, without defaults."""
        query = urlencode(self.fields())
        return f"?{query}" if query else ""


class View(PageAddress, frozen=True, kw_only=True, omit_defaults=True):
    """The query of an address.

    The mail is made from `sample`, with the fields of `edit` (a JSON object) on top.

    `mode`: reads or edits a source.
    `width`: in CSS pixels. None: as wide as the screen allows.
    `scheme`: light, dark, or a model of a client that inverts colours, or of Word.
    `images`: all, only the mail's own, or none. `remote`: the foreign mail or folder whose images
    the reader allowed.
    `line`: the selected line of a template, "file:line".
    `search`: the search in the inbox. `page`: of its mails, or of those on the first page.
    `pane`: the visible pane of a narrow screen.
    """

    sample: str = ""
    edit: str = ""
    lang: str = ""
    brand: str = ""
    show: Literal["html", "text", "source"] = "html"
    file: Literal["template", "text", "samples", "mjml", "html"] = "template"
    mode: Literal["read", "edit"] = "read"
    width: Width | None = None
    scheme: Scheme = "light"
    images: Literal["on", "own", "off"] = "on"
    remote: str = ""
    line: str = ""
    search: str = ""
    tab: Tab = "data"
    pane: Literal["list", "mail", "details"] = "mail"
    page: PageNumber = 1

    def __post_init__(self) -> None:
        if self.line and not _LINE.fullmatch(self.line):
            raise ValueError(
                f"{self.line} is not a line: write a file and a number, such as "
                "welcome/welcome.mjml:14"
            )

    @property
    def place(self) -> Place | None:
        """The selected line."""
        file, _, number = self.line.rpartition(":")
        return Place(file, int(number)) if file else None

    def only(self, *names: str) -> "View":
        """Return the view with these fields alone."""
        return View(**{name: getattr(self, name) for name in names})

    def made_from(self) -> "View":
        """Return what the mail is made from."""
        return self.only("sample", "edit", "lang", "brand")

    def mail(self) -> "View":
        """Return the view of the frame, which holds the mail alone."""
        return self.made_from().to(scheme=self.scheme, images=self.images, remote=self.remote)

    def to(self, **changes: Any) -> Self:
        """Return the view with other fields.

        Another sample starts without the edits of this one.
        """
        has_other_sample = changes.get("sample", self.sample) != self.sample
        if self.sample and has_other_sample:
            changes = {"edit": "", **changes}
        return super().to(**changes)

    def as_loaded(self, of: str) -> "View":
        """Return the view, with remote images only if the reader asked for those of this mail or
        foreign folder.
        """
        if self.remote == of or self.images == "off":
            return self
        return self.to(images="own")
