"""What stands behind the `?` of a page that looks over a folder: all of its state, so that it can be linked to."""

from typing import Any, Self
from urllib.parse import urlencode

import msgspec


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of a page are its query. A field of several values stands there several times, as a form sends it."""

    def to(self, **changes: Any) -> Self:
        return msgspec.structs.replace(self, **changes)

    def here(self, **changes: Any) -> str:
        """Return the reference from the page to itself in another state."""
        return str(self.to(**changes)) or "?"

    def fields(self, **changes: Any) -> list[tuple[str, str]]:
        """Return what a form has to send along to change the rest and keep this."""
        kept = msgspec.to_builtins(self.to(**changes))
        return [
            (name, str(value))
            for name, values in kept.items()
            for value in (values if isinstance(values, list | tuple) else [values])
        ]

    def __str__(self) -> str:
        """Return the query with its `?`, without what is the default anyway."""
        query = urlencode(self.fields())
        return f"?{query}" if query else ""
