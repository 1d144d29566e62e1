"""A report as a provider delivers it."""

from collections.abc import Mapping

import msgspec


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A request to a webhook. `headers` are in lower case."""

    headers: Mapping[str, str]
    body: bytes
