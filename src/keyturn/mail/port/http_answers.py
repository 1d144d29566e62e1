"""An answer of a provider's HTTP API. This module loads no HTTP client."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

Document = TypeVar("Document")

OK, ACCEPTED, BAD_REQUEST, NOT_FOUND = 200, 202, 400, 404
ACCOUNT_REFUSED = {401, 403}
TOO_MANY, SERVER_FAULT = 429, 500


class Answer(msgspec.Struct, frozen=True):
    """An answer. `headers` are case-insensitive; `body` is empty if it was too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, form: type[Document]) -> Document | None:
        """Return the document; None if the body has another form."""
        try:
            return msgspec.json.decode(self.body, type=form)
        except (msgspec.MsgspecError, ValueError):
            return None
