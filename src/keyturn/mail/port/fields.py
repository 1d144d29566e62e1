"""Reads fields of JSON documents from providers, and checks their types."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

_Time: Any = Annotated[datetime, Meta(tz=True)]


class Fields:
    """Reads an object field by field.

    A missing field and a null are empty. A value of another type raises ValueError.
    """

    def __init__(self, document: object) -> None:
        if not isinstance(document, Mapping):
            raise ValueError("not an object")  # noqa: TRY004 - a value that came from outside
        self._document: Mapping[str, Any] = document

    @classmethod
    def read(cls, body: bytes | str) -> Self:
        """Read a JSON object. Raises ValueError."""
        try:
            document = msgspec.json.decode(body)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(str(error)) from None
        return cls(document)

    def get(self, name: str, form: Any, default: Any) -> Any:
        """Return a field of this type; the default if there is none."""
        value = self._document.get(name)
        if value is None:
            return default
        if not isinstance(value, form):
            # The value came from outside, so it is no TypeError.
            raise ValueError(f"{name} has another type")  # noqa: TRY004
        return value

    def text(self, *names: str) -> str:
        """Return the first of the fields that is not empty; "" if all are."""
        for name in names:
            text: str = self.get(name, str, "")
            if text:
                return text
        return ""

    def required(self, name: str) -> str:
        """Return a text. Raises ValueError if it is missing or empty."""
        text = self.text(name)
        if not text:
            raise ValueError(f"{name} is missing")
        return text

    def number(self, name: str) -> float:
        """Return a number. Raises ValueError if it is missing."""
        value = self.get(name, int | float, None)
        if value is None or isinstance(value, bool):
            raise ValueError(f"{name} is not a number")
        return float(value)

    def flag(self, name: str) -> bool:
        return bool(self.get(name, bool, None))

    def texts(self, name: str) -> list[str]:
        return [str(text) for text in self.get(name, list, ())]

    def within(self, *names: str) -> "Fields":
        """Return the first object of these names that is not empty; an empty one if all are."""
        for name in names:
            inner = self.get(name, Mapping, None)
            if inner:
                return Fields(inner)
        return Fields({})

    def each(self, name: str) -> list["Fields"]:
        """Return the objects of a list. Raises ValueError if it is missing."""
        objects = self.get(name, list, None)
        if objects is None:
            raise ValueError(f"{name} is missing")
        return [Fields(one) for one in objects]

    def time(self, *names: str) -> datetime:
        """Return the first of these fields that holds a time: text with its zone, or seconds since
        1970.

        Raises ValueError if all are empty.
        """
        values = map(self._document.get, names)
        value = next(filter(None, values), None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        time: datetime = msgspec.convert(value, _Time)
        return time
