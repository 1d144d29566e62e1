"""Calls to the application: "POST /api/forgot BODY" with placeholders, or the path of a page whose form is sent."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from msgspec import Struct

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.probe.attack import CannotProbe, NotTried
from keyturn.probe.forms import form_for, forms_of
from keyturn.probe.web import Browser, Page, joined

_CALL = re.compile(r"(?:(?P<method>[A-Z]{3,7})\s+)?(?P<path>/\S*)(?:\s+(?P<body>\S.*))?", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_FORGOTTEN = re.compile(r"forg[eo]t|reset|recover|lost|passwor|vergessen|oubli|olvid", re.IGNORECASE)
_SIGN_IN = re.compile(r"log-?_?in|sign-?_?in|anmeld|connexion|account|auth|session", re.IGNORECASE)
_REGISTER = re.compile(r"regist|sign-?_?up|join|create", re.IGNORECASE)
_MOST_PAGES = 12
_METHODS = ("POST", "PUT", "PATCH")
_NEEDED = {"--request": "{email}", "--reset": "{password}", "--sign-in": "{password}", "--change": "{password}"}
_CHALLENGE = re.compile(r"g-recaptcha|h-captcha|cf-turnstile|altcha-widget|recaptcha/|hcaptcha\.com|turnstile/v0")
_FORM = "application/x-www-form-urlencoded"


class Call(Struct, frozen=True, kw_only=True):
    """A call. `option`: its name on the command line. Without a method, the page at the path has the form."""

    option: str
    method: str = ""
    path: str = ""
    body: str = ""

    @classmethod
    def read(cls, option: str, text: str) -> "Call":
        """Return the call of a text. Raises CannotProbe."""
        if not (match := _CALL.fullmatch(text.strip())):
            raise CannotProbe(f'{option} is a call such as "POST /path email={{email}}", or the path of a page.')
        if match["method"] not in ({None, "GET"} if option == "--private" else {None, *_METHODS}):
            raise CannotProbe(f"{option}: there is no call of the method {match['method']}.")
        needed = _NEEDED.get(option, "")
        if match["method"] and needed not in f"{match['path']} {match['body']}":
            raise CannotProbe(f"{option} has to say where {needed} belongs.")
        if (match["body"] or "").startswith("{"):
            try:
                msgspec.json.decode(match["body"])
            except msgspec.DecodeError as error:
                raise CannotProbe(f"{option}: the body is not JSON ({error}).") from None
        return cls(option=option, **match.groupdict(""))

    async def send(self, browser: Browser, values: Mapping[str, Any], more: Mapping[str, Any] = {}) -> Page:
        """Send the call with these values. `more`: values of the body by the names of their fields.

        Raises NotTried if the page has no such form.
        """
        path = _PLACEHOLDER.sub(lambda name: quote(str(self._value(name, values)), safe=""), self.path)
        if not self.method:
            return await self.send_form(browser, await browser.send("GET", path), values, more)
        if self.body.startswith("{"):
            document = {**self._filled(msgspec.json.decode(self.body), values), **more}
            return await browser.send(self.method, path, msgspec.json.encode(document), "application/json")
        fields = self._filled(dict(parse_qsl(self.body, keep_blank_values=True)), values)
        return await browser.send(self.method, path, _form({**fields, **more}), _FORM)

    async def send_form(
        self, browser: Browser, page: Page, values: Mapping[str, Any], more: Mapping[str, Any] = {}
    ) -> Page:
        """Fill in and send the form of a page: one with passwords if there is one in the values, else without."""
        form = form_for(page, with_password="password" in values)
        if form is None or form.method != "POST":
            raise NotTried(f"{page.url} ({page.status}) has no form that the probe understands. {self._hint}")
        if _CHALLENGE.search(page.body):
            raise NotTried(f"{page.url} has a CAPTCHA: turn it off while the probe runs. {self._hint}")
        return await browser.send("POST", form.action, _form({**dict(form.filled(values)), **more}), _FORM)

    @property
    def _hint(self) -> str:
        return f'For an API, give {self.option} as "POST /path BODY".'

    def _value(self, name: re.Match[str], values: Mapping[str, Any]) -> Any:
        if name[1] not in values:
            raise NotTried(f"{self.option} has {name[0]}, and the mail's link has no parameter of this name.")
        return values[name[1]]

    def _filled(self, document: Any, values: Mapping[str, Any]) -> Any:
        """Return the document with values, of any type, in place of texts that are a placeholder."""
        match document:
            case str() if name := _PLACEHOLDER.fullmatch(document):
                return self._value(name, values)
            case dict():
                return {key: self._filled(value, values) for key, value in document.items()}
            case list():
                return [self._filled(value, values) for value in document]
        return document


def _form(fields: Mapping[str, Any]) -> bytes:
    """Return a form's body. A list becomes one field for each item."""
    return urlencode(fields, doseq=True).encode()


async def find_calls(browser: Browser, start: str) -> dict[str, str]:
    """Return the paths of the pages with the forms `request` and `sign_in`, as far as links from `start` lead there."""
    found: dict[str, str] = {}
    waiting, seen = [start], {start}
    for _ in range(_MOST_PAGES):
        if not waiting or len(found) == 2:
            break
        page = await browser.send("GET", waiting.pop(0))
        path = page.url.removeprefix(browser.web.origin)
        for form in forms_of(page):
            words = f"{path} {form.action.removeprefix(browser.web.origin)}"
            if form.address and not form.passwords and _FORGOTTEN.search(words):
                found.setdefault("request", path)
            elif form.address and form.passwords == 1 and not _REGISTER.search(words):
                found.setdefault("sign_in", path)
        for url, words in _links(page):
            if browser.web.is_here(url) and url not in seen and (_FORGOTTEN.search(words) or _SIGN_IN.search(words)):
                seen.add(url)
                waiting.insert(0 if _FORGOTTEN.search(words) else len(waiting), url)
    return found


def _links(page: Page) -> Iterator[tuple[str, str]]:
    """Yield the addresses of a page's links, with the words that say where they lead."""
    for element in parse_html(page.body).walk():
        if element.tag == "a" and (url := joined(page.url, element.get("href").strip())):
            yield url, f"{url} {element.text()}"
