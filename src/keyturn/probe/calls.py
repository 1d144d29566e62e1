"""Calls: "POST /api/forgot BODY" with placeholders, or the path of a page, whose form becomes such
a call.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from msgspec import Struct

from keyturn.mail.rendering.html_tree import Element
from keyturn.probe.attack import CannotProbe, NotTried
from keyturn.probe.browser import Browser, joined
from keyturn.probe.page import Page

_CALL = re.compile(r"(?:([A-Z]{3,7})\s+)?(/\S*)(?:\s+(\S.*))?", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_NEEDED = {
    "--request": "{email}",
    "--reset": "{password}",
    "--sign-in": "{password}",
    "--change": "{password}",
}
_CHALLENGE = re.compile(
    r"g-recaptcha|h-captcha|cf-turnstile|altcha|recaptcha/|hcaptcha\.com|turnstile/v0"
)

_ADDRESS = re.compile(r"mail|user|login|identif|account|address", re.IGNORECASE)
_OLD = re.compile(r"old|current", re.IGNORECASE)
# With the types that they have without one.
_FIELDS = {
    "input": "text",
    "textarea": "text",
    "button": "submit",
}
_TYPED = {"email", "text", "tel", "search"}
_NOT_SENT = {"button", "image", "reset", "file"}

_FORGOTTEN = re.compile(
    r"forg[eo]t|reset|recover|lost|passwor|vergessen|oubli|olvid", re.IGNORECASE
)
_SIGN_IN = re.compile(r"log-?_?in|sign-?_?in|anmeld|connexion|account|auth|session", re.IGNORECASE)
_REGISTER = re.compile(r"regist|sign-?_?up|join|create", re.IGNORECASE)
_MOST_PAGES = 12
_MOST_FORMS = 50
"""Of a page, the first ones: forms within forms hold the same fields again and again."""
_MOST_FIELDS = 500
"""Of a form."""


class Call(Struct, frozen=True):
    """A call.

    `option`: its name on the command line. Without a method, the page at the path has the form.
    """

    option: str = ""
    method: str = ""
    path: str = ""
    body: Mapping[str, Any] = {}
    is_json: bool = False

    def asks_for(self, *names: str) -> int:
        """Return how many fields of the body are for these values."""
        placeholders = [f"{{{name}}}" for name in names]
        return sum(value in placeholders for value in self.body.values())

    @property
    def passwords(self) -> int:
        return self.asks_for("password", "old")

    @classmethod
    def read(cls, name: str, text: str) -> "Call":
        """Return the call of a text. `name`: of its field in Target. Raises CannotProbe."""
        option = f"--{name.replace('_', '-')}"
        match = _CALL.fullmatch(text.strip())
        if match is None:
            raise CannotProbe(
                f'{option} is a call such as "POST /path email={{email}}", or the path of a page.'
            )
        method, path, body = match.groups("")
        methods = {"GET"} if name == "private" else {"POST", "PUT", "PATCH"}
        if method and method not in methods:
            raise CannotProbe(f"{option}: there is no call of the method {method}.")
        needed = _NEEDED.get(option, "")
        if method and needed not in f"{path} {body}":
            raise CannotProbe(f"{option} has to say where {needed} belongs.")
        if not body.startswith("{"):
            return cls(option, method, path, dict(parse_qsl(body, keep_blank_values=True)))
        try:
            return cls(option, method, path, msgspec.json.decode(body), is_json=True)
        except msgspec.DecodeError as error:
            raise CannotProbe(f"{option}: the body is not JSON ({error}).") from None

    async def send(
        self, browser: Browser, values: Mapping[str, Any], more: Mapping[str, Any] = {}
    ) -> Page:
        """Send the call with these values; `more`: of the body, by field.

        Raises AttackEnded without such a form.
        """
        path = _PLACEHOLDER.sub(
            lambda name: quote(str(self._value(name, values)), safe=""), self.path
        )
        if not self.method:
            page = await browser.send("GET", path)
            return await self.send_form(browser, page, values, more)
        fields = {**self._filled(self.body, values), **more}
        if self.is_json:
            body = msgspec.json.encode(fields)
            return await browser.send(self.method, path, body, "application/json")
        named = {}
        for name, value in fields.items():
            # PHP reads several fields as a list only if their name ends so.
            named[f"{name}[]" if isinstance(value, tuple) else name] = value
        body = urlencode(named, doseq=True).encode()  # a list becomes one field for each item
        return await browser.send(self.method, path, body, "application/x-www-form-urlencoded")

    async def send_form(
        self, browser: Browser, page: Page, values: Mapping[str, Any], more: Mapping[str, Any] = {}
    ) -> Page:
        """Fill in and send the form of a page."""
        form = form_for(page, self.option)
        hint = f'For an API, give {self.option} as "POST /path BODY".'
        if form is None:
            raise NotTried(
                f"{page.url} ({page.status}) has no form that the probe understands. {hint}"
            )
        if _CHALLENGE.search(page.body):
            raise NotTried(f"{page.url} has a CAPTCHA: turn it off while the probe runs. {hint}")
        # The password that a form to sign in calls the current one is the only one.
        return await form.send(browser, {"old": values.get("password"), **values}, more)

    def _value(self, name: re.Match[str], values: Mapping[str, Any]) -> Any:
        if name[1] not in values:
            raise NotTried(
                f"{self.option} has {name[0]}, and the mail's link has no parameter of this name."
            )
        return values[name[1]]

    def _filled(self, document: Any, values: Mapping[str, Any]) -> Any:
        """Return the document with values, of any type, in place of placeholders; in a longer text,
        of known ones.
        """
        match document:
            case str():
                placeholder = _PLACEHOLDER.fullmatch(document)
                if placeholder:
                    return self._value(placeholder, values)
                # A longer text, such as a query of GraphQL, may have braces of its own.
                return _PLACEHOLDER.sub(lambda name: str(values.get(name[1], name[0])), document)
            case dict():
                return {key: self._filled(value, values) for key, value in document.items()}
            case list():
                return [self._filled(value, values) for value in document]
        return document


def forms_of(page: Page) -> list[Call]:
    """Return the forms of a page that are sent by POST."""
    forms: list[Call] = []
    for element in page.tree.walk():
        if element.tag != "form" or element.get("method").lower() != "post":
            continue
        if len(forms) == _MOST_FORMS:
            break
        url = joined(page.url, element.get("action").strip())
        forms.append(Call("", "POST", url, _fields_of(element)))
    return forms


class _Field(NamedTuple):
    """A field that a browser sends, with the words of its attributes that say what it is for."""

    name: str
    kind: str
    value: str
    hints: str


def _fields_of(form: Element) -> dict[str, str]:
    """Return the fields that are sent, with placeholders for an address and passwords, and else the
    page's values.
    """
    fields = list(_sent_fields(form))
    sent = {}
    for field in fields:
        sent[field.name] = field.value
        if field.kind == "password":
            sent[field.name] = "{old}" if _OLD.search(field.hints) else "{password}"
    address = _address_field(fields)
    if address:
        sent[address] = "{email}"
    return sent


def _sent_fields(form: Element) -> Iterator[_Field]:
    submits = 0
    elements = (element for element in form.walk() if element.tag in _FIELDS)
    for element in islice(elements, _MOST_FIELDS):
        name = element.get("name")
        kind = element.get("type").lower() or _FIELDS[element.tag]
        if kind == "submit":
            submits += 1
        is_other_button = kind == "submit" and submits > 1  # a user presses only one
        if name and not is_other_button and _has_value(element, kind):
            hints = " ".join(map(element.get, ("name", "id", "autocomplete", "placeholder")))
            yield _Field(name, kind, element.get("value"), hints)


def _has_value(element: Element, kind: str) -> bool:
    if kind in {"checkbox", "radio"}:
        return "checked" in element.attributes
    return kind not in _NOT_SENT


def _address_field(fields: Sequence[_Field]) -> str:
    """Return the name of the field for an address: one that says so, else the only text field."""
    typed = [field for field in fields if field.kind in _TYPED]
    for field in typed:
        if field.kind == "email" or _ADDRESS.search(field.hints):
            return field.name
    return typed[0].name if len(typed) == 1 else ""


def form_for(page: Page, option: str = "--reset") -> Call | None:
    """Return the form that fits a call best: for an address alone, to sign in, or for a new
    password. None if no form fits.
    """
    if option == "--request":
        forms = [form for form in forms_of(page) if form.asks_for("email") and not form.passwords]
        return min(forms, key=_request_rank, default=None)
    forms = [form for form in forms_of(page) if form.passwords]
    if option == "--sign-in":
        return min(forms, key=_sign_in_rank, default=None)
    return min(forms, key=_reset_rank, default=None)


# The form with the lowest rank fits best.


def _request_rank(form: Call) -> bool:
    return not _FORGOTTEN.search(form.path)


def _sign_in_rank(form: Call) -> tuple[bool, int]:
    return not form.asks_for("email"), form.passwords


def _reset_rank(form: Call) -> tuple[bool, int, int]:
    return not form.asks_for("password"), form.asks_for("email"), -form.passwords


async def find_calls(browser: Browser, start: str) -> dict[str, str]:
    """Return the paths of the pages with the forms `request` and `sign_in`, as far as links from
    `start` lead there.
    """
    paths: dict[str, str] = {}
    waiting = [start]
    seen = {start}
    for _ in range(_MOST_PAGES):
        if not waiting or len(paths) == 2:
            break
        page = await browser.send("GET", waiting.pop(0))
        for name, path in _named_forms(page, browser.web.origin):
            paths.setdefault(name, path)
        for url, is_forgotten in _promising_links(page):
            if url in seen or not browser.web.is_here(url):
                continue
            seen.add(url)
            if is_forgotten:
                waiting.insert(0, url)
            else:
                waiting.append(url)
    return paths


def _promising_links(page: Page) -> Iterator[tuple[str, bool]]:
    """Yield the URLs that may lead to a form, and whether it is that for a forgotten password."""
    for element in page.tree.walk():
        if element.tag != "a":
            continue
        url = joined(page.url, element.get("href").strip())
        words = f"{url} {element.text()}"
        if _FORGOTTEN.search(words):
            yield url, True
        elif _SIGN_IN.search(words):
            yield url, False


def _named_forms(page: Page, origin: str) -> Iterator[tuple[str, str]]:
    """Yield `request` and the page's path if a form on it asks for a link, and `sign_in` and the
    path if one signs in.
    """
    path = page.url.removeprefix(origin) or "/"
    for form in forms_of(page):
        words = f"{path} {form.path.removeprefix(origin)}"
        if not form.asks_for("email"):
            continue
        if not form.passwords and _FORGOTTEN.search(words):
            yield "request", path
        elif form.passwords == 1 and not _REGISTER.search(words):
            yield "sign_in", path
