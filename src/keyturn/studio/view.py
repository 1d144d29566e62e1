"""What a page of the studio shows, as it stands in the address: every state can be linked to."""

from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException

WIDTHS = (320, 375, 600, 1280)


class View(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of the address behind the `?`. `width` in CSS pixels, None for what the screen has room for.

    `pane` counts where only one has room.
    """

    sample: str = ""
    lang: str = ""
    show: Literal["html", "text", "source"] = "html"
    file: Literal["template", "text", "samples", "mjml", "html"] = "template"
    width: Literal[320, 375, 600, 1280] | None = None
    scheme: Literal["light", "dark"] = "light"
    tab: Literal["data", "checks", "links", "headers"] = "data"
    pane: Literal["list", "mail", "details"] = "mail"

    def to(self, **changes: Any) -> "View":
        return msgspec.structs.replace(self, **changes)

    def here(self, **changes: Any) -> str:
        """Return the reference from a page to itself in another state."""
        return str(self.to(**changes)) or "?"

    def __str__(self) -> str:
        """Return the query with its `?`, without what is the default anyway."""
        query = urlencode(msgspec.to_builtins(self))
        return f"?{query}" if query else ""


def read_view(request: Request[Any, Any, Any]) -> View:
    try:
        return msgspec.convert(dict(request.query_params), View, strict=False)
    except msgspec.ValidationError as error:
        raise ValidationException(detail=f"The address asks for a view that does not exist: {error}.") from error
