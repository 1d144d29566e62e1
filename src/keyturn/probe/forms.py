"""The forms of a page, as a browser would fill them in."""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from msgspec import Struct

from keyturn.mail.rendering.html_tree import Element
from keyturn.probe.web import Page, joined

_ADDRESS = re.compile(r"mail|user|login|identif|account|address", re.IGNORECASE)
_OLD = re.compile(r"old|current", re.IGNORECASE)
_TYPED = {"email", "text", "tel", "search"}
_NOT_SENT = {"button", "image", "reset", "file"}
_MOST_FIELDS = 100


class Form(Struct):
    """A form that is sent by POST to the URL `action`, with the names of its fields, by what they are for.

    `address`: empty without such a field. `old`: those of `passwords` for the one that a new one replaces.
    """

    action: str
    address: str = ""
    passwords: list[str] = []
    old: list[str] = []
    others: dict[str, Any] = {}

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that are sent: an address, passwords, and all others as the page has them."""
        sent = self.others | dict.fromkeys(self.passwords, values.get("password"))
        if self.address:
            sent[self.address] = values["email"]
        return sent | (dict.fromkeys(self.old, values["old"]) if "old" in values else {})


def forms_of(page: Page) -> list[Form]:
    forms = (form for form in page.tree.walk() if form.tag == "form" and form.get("method").lower() == "post")
    return [_read(form, joined(page.url, form.get("action").strip())) for form in forms]


def _read(form: Element, action: str) -> Form:
    read, likely, typed = Form(action), list[str](), list[str]()
    fields = (each for each in form.walk() if each.tag in {"input", "textarea"} and each.get("name"))
    for field in islice(fields, _MOST_FIELDS):
        name, kind = field.get("name"), field.get("type").lower() or "text"
        hints = " ".join(map(field.get, ("name", "id", "autocomplete", "placeholder")))
        if kind == "password":
            read.passwords.append(name)
            read.old += [name] if _OLD.search(hints) else []
        elif kind not in _NOT_SENT and (kind not in {"checkbox", "radio"} or "checked" in field.attributes):
            read.others[name] = field.get("value")
            typed += [name] if kind in _TYPED else []
            likely += [name] if kind == "email" or (kind in _TYPED and _ADDRESS.search(hints)) else []
    read.address = next(iter(likely), typed[0] if len(typed) == 1 else "")
    return read


def form_for(page: Page, *, with_password: bool) -> Form | None:
    """Return the form for a password, or the one for an address without a password."""
    for form in forms_of(page):
        if bool(form.passwords) == with_password and (with_password or form.address):
            return form
    return None
