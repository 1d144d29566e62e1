"""The forms of a page, as a browser would fill them in."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from keyturn.mail.rendering.html_tree import Element
from keyturn.probe.web import Page, joined

_ADDRESS = re.compile(r"mail|user|login|identif|account|address", re.IGNORECASE)
_OLD = re.compile(r"old|current", re.IGNORECASE)
_NOT_SENT = {"button", "image", "reset", "file"}
_MOST_FIELDS = 100


class Field(Struct, frozen=True):
    """A field of a form. `hints`: its attributes that say what it is for."""

    name: str
    kind: str
    value: str
    hints: str


class Form(Struct, frozen=True):
    """A form that is sent by POST. `action`: the URL to which it is sent."""

    action: str
    fields: tuple[Field, ...]

    @property
    def passwords(self) -> int:
        return sum(field.kind == "password" for field in self.fields)

    @property
    def address(self) -> str:
        """The name of the field for an address, or an empty text."""
        typed = [field for field in self.fields if field.kind in {"email", "text", "tel", "search"}]
        likely = [field for field in typed if field.kind == "email" or _ADDRESS.search(field.hints)]
        return next((field.name for field in likely), typed[0].name if len(typed) == 1 else "")

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that are sent: an address, passwords, and all others as the page has them."""
        sent: dict[str, Any] = {}
        for field in self.fields:
            known = values["email"] if field.name == self.address else field.value
            if field.kind == "password":
                is_old = "old" in values and _OLD.search(field.hints)  # not in a form to sign in
                known = values["old" if is_old else "password"]
            sent[field.name] = known
        return sent


def forms_of(page: Page) -> list[Form]:
    return [
        Form(joined(page.url, form.get("action").strip()), tuple(_fields(form)))
        for form in page.tree.walk()
        if form.tag == "form" and form.get("method").lower() == "post"
    ]


def form_for(page: Page, *, with_password: bool) -> Form | None:
    """Return the form for a password, or the one for an address without a password."""
    for form in forms_of(page):
        if bool(form.passwords) == with_password and (with_password or form.address):
            return form
    return None


def _fields(form: Element) -> Iterator[Field]:
    for each in [each for each in form.walk() if each.get("name")][:_MOST_FIELDS]:
        kind = each.get("type").lower() or "text"
        is_off = kind in {"checkbox", "radio"} and "checked" not in each.attributes
        if each.tag in {"input", "textarea"} and kind not in _NOT_SENT and not is_off:
            hints = " ".join(map(each.get, ("name", "id", "autocomplete", "placeholder")))
            yield Field(each.get("name"), kind, each.get("value"), hints)
