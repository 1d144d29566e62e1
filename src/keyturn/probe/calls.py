"""Calls to the application: "POST /api/forgot BODY" with placeholders, or the path of a page whose form is sent."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec
from msgspec import Struct

from keyturn.probe.attack import CannotProbe, NotTried
from keyturn.probe.forms import Form, forms_of, has_challenge, links_in
from keyturn.probe.web import Browser, Page

_CALL = re.compile(r"(?:(?P<method>[A-Z]{3,7})\s+)?(?P<path>/\S*|https?://\S+)(?:\s+(?P<body>\S.*))?", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_FORGOTTEN = re.compile(r"forg[eo]t|reset|recover|lost|passwor|vergessen|oubli|olvid", re.IGNORECASE)
_SIGN_IN = re.compile(r"log-?_?in|sign-?_?in|anmeld|connexion|account|auth|session", re.IGNORECASE)
_REGISTER = re.compile(r"regist|sign-?_?up|join|create", re.IGNORECASE)
_MOST_PAGES = 12
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Call(Struct, frozen=True, kw_only=True):
    """A call. `option`: its name on the command line. Without a method, the page at the path has the form."""

    option: str
    method: str
    path: str
    body: str = ""

    @classmethod
    def read(cls, option: str, text: str) -> "Call":
        """Return the call of a text. Raises CannotProbe."""
        if not (match := _CALL.fullmatch(text.strip())):
            raise CannotProbe(f'{option} is a call such as "POST /path email={{email}}", or the path of a page.')
        call = cls(option=option, method=match["method"] or "", path=match["path"], body=match["body"] or "")
        if call.is_json:
            try:
                msgspec.json.decode(call.body)
            except msgspec.DecodeError as error:
                raise CannotProbe(f"{option}: the body is not JSON ({error}).") from None
        return call

    @property
    def is_json(self) -> bool:
        return self.body.startswith("{")

    async def send(
        self,
        browser: Browser,
        values: Mapping[str, Any],
        *,
        more: Mapping[str, Any] = {},
        headers: Mapping[str, str] = {},
    ) -> Page:
        """Send the call with these values. `more`: values of the body by the names of their fields.

        Raises NotTried if the page has no such form.
        """
        path = _PLACEHOLDER.sub(lambda name: quote(str(_value(name, values, self.option)), safe=""), self.path)
        if not self.method:
            return await send_form(browser, await browser.get(path), self.option, values, more=more, headers=headers)
        if self.is_json:
            document = {**_filled(msgspec.json.decode(self.body), values, self.option), **more}
            return await browser.send(self.method, path, msgspec.json.encode(document), JSON, headers)
        fields = _filled(dict(parse_qsl(self.body, keep_blank_values=True)), values, self.option)
        return await browser.send(self.method, path, _form({**fields, **more}), FORM if self.body else "", headers)


def _value(name: re.Match[str], values: Mapping[str, Any], option: str) -> Any:
    if name[1] not in values:
        raise NotTried(f"{option} has {name[0]}, and the mail's link has no parameter of this name.")
    return values[name[1]]


def _filled(document: Any, values: Mapping[str, Any], option: str) -> Any:
    """Return the document with values, of any type, in place of texts that are a placeholder."""
    match document:
        case str() if name := _PLACEHOLDER.fullmatch(document):
            return _value(name, values, option)
        case dict():
            return {key: _filled(value, values, option) for key, value in document.items()}
        case list():
            return [_filled(value, values, option) for value in document]
    return document


def _form(fields: Mapping[str, Any]) -> bytes:
    """Return a form's body. A list becomes one field for each item."""
    return urlencode(fields, doseq=True).encode()


async def send_form(
    browser: Browser,
    page: Page,
    option: str,
    values: Mapping[str, Any],
    *,
    more: Mapping[str, Any] = {},
    headers: Mapping[str, str] = {},
) -> Page:
    """Fill in and send the form of a page: one with passwords if there are some in the values, else without."""
    form = form_for(page, with_password="password" in values)
    if form is None or form.method != "POST":
        raise NotTried(f"{page.url} ({page.status}) has no form that the probe understands: name the call by {option}.")
    if has_challenge(page):
        raise NotTried(f"{page.url} has a CAPTCHA: turn it off while the probe runs, or name a call by {option}.")
    return await browser.send("POST", form.action, _form({**dict(form.filled(values)), **more}), FORM, headers)


def form_for(page: Page, *, with_password: bool) -> Form | None:
    fits = (form for form in forms_of(page) if (form.passwords > 0 if with_password else _asks_for_address(form)))
    return next(fits, None)


def _asks_for_address(form: Form) -> bool:
    return bool(form.address) and not form.passwords


async def find_calls(browser: Browser, start: str) -> dict[str, str]:
    """Return the paths of the pages with the forms `request` and `sign_in`, as far as links from `start` lead there."""
    found: dict[str, str] = {}
    waiting, seen = [start], {start}
    for _ in range(_MOST_PAGES):
        if not waiting or len(found) == 2:
            break
        page = await browser.get(waiting.pop(0))
        path = urlsplit(page.url).path
        for form in forms_of(page):
            words = f"{path} {urlsplit(form.action).path}"
            if _asks_for_address(form) and _FORGOTTEN.search(words):
                found.setdefault("request", path)
            elif form.address and form.passwords == 1 and not _REGISTER.search(words):
                found.setdefault("sign_in", path)
        for url, text in links_in(page):
            words = f"{urlsplit(url).path} {text}"
            if browser.is_here(url) and url not in seen and (_FORGOTTEN.search(words) or _SIGN_IN.search(words)):
                seen.add(url)
                waiting.insert(0 if _FORGOTTEN.search(words) else len(waiting), url)
    return found
