"""What a page of the studio shows, as it stands in the address: every state can be linked to."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

WIDTHS = {320: "small phone", 375: "phone", 600: "tablet", 1280: "desktop"}
"""The presets, in CSS pixels. A reading pane on a tablet, beside its list, leaves a mail about 600."""

Width = Annotated[int, Meta(ge=280, le=1600)]
Scheme = Literal["light", "dark", "partial", "full", "word"]
Tab = Literal["data", "checks", "links", "headers", "reading", "attachments"]


class View(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of the address behind the `?`.

    What the mail is made from: `sample`, or `seed` in its place, with the fields of `edit` (a JSON object) on top, in
    the language `lang` and for `brand`. How it is shown: `dir` turns it, `mode` is what is done with a source,
    `width` is in CSS pixels, None for what the screen has room for; `scheme` beyond light and dark are models: of
    clients that invert, and of Word. `images` are all of them, the mail's own alone, or none; where those that lie
    elsewhere wait until the reader asks, `remote` says for what (`as_loaded`). `fonts` from the web are loaded on
    request. `line` is the place in the templates that is picked out, "file:line". `find` is what the list is searched
    for, `search` what the outbox is, from behind the mail `older_than`. `base` is the commit that mails are compared
    with. `pane` counts where only one has room. `save` is the name that the data was to be saved under, while something
    is in the way of that: it is told once, so no link carries it on.
    """

    sample: str = ""
    seed: int | None = None
    edit: str = ""
    save: str = ""
    lang: str = ""
    brand: str = ""
    dir: Literal["", "ltr", "rtl"] = ""
    show: Literal["html", "both", "pixels", "text", "source"] = "html"
    file: Literal["template", "text", "samples", "mjml", "html", "eml"] = "template"
    mode: Literal["read", "edit"] = "read"
    width: Width | None = None
    scheme: Scheme = "light"
    images: Literal["on", "own", "off"] = "on"
    remote: str = ""
    fonts: Literal["on", "off"] = "off"
    line: str = ""
    find: str = ""
    search: str = ""
    older_than: str = ""
    base: str = ""
    tab: Tab = "data"
    data: Literal["form", "json"] = "form"
    pane: Literal["list", "mail", "details"] = "mail"

    def made_from(self) -> "View":
        """Return the part that says what mail it is."""
        return View(sample=self.sample, seed=self.seed, edit=self.edit, lang=self.lang, brand=self.brand, dir=self.dir)

    def mail(self) -> "View":
        """Return the part that says what mail it is and how it is drawn: what a frame needs to know."""
        return self.made_from().to(scheme=self.scheme, images=self.images, remote=self.remote, fonts=self.fonts)

    def to(self, **changes: Any) -> "View":
        """Return the view with other fields. Another sample starts anew, without what was edited in this one."""
        if self.sample and changes.get("sample", self.sample) != self.sample:
            changes = {"seed": None, "edit": "", "save": "", **changes}
        return msgspec.structs.replace(self, **changes)

    def as_loaded(self, of: str) -> "View":
        """Return the view without what lies elsewhere, unless the reader asked for that.

        `of` is the id of a captured mail, or the name of a foreign folder. The question names it, so that another mail
        stays as it was, whatever link carries the view on.
        """
        return self if self.remote == of or self.images == "off" else self.to(images="own")

    def here(self, **changes: Any) -> str:
        """Return the reference from a page to itself in another state."""
        return str(self.to(save="", **changes)) or "?"

    def fields(self, **changes: Any) -> dict[str, str]:
        """Return what a form has to send along to change the rest and keep this."""
        return {name: str(value) for name, value in msgspec.to_builtins(self.to(save="", **changes)).items()}

    def __str__(self) -> str:
        """Return the query with its `?`, without what is the default anyway."""
        query = urlencode(msgspec.to_builtins(self))
        return f"?{query}" if query else ""
