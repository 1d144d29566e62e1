"""A shop whose password reset is right in everything, or wrong in one thing: what one attack of `keyturn probe` finds.

It has forms, as a browser uses them, and a JSON API. It sends its mails over SMTP from a thread, so that no answer
waits for them.
"""

import asyncio
import hashlib
import hmac
import queue
import re
import secrets
import smtplib
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from html import escape
from typing import Any

from litestar import Controller, Litestar, Request, Response, get, post, route
from litestar.datastructures import Cookie
from litestar.di import NamedDependency, Provide
from litestar.exceptions import PermissionDeniedException

ANN, BOB = "ann.sikes@app.example", "bob@app.example"

_SLOW = 300_000  # iterations: about a tenth of a second
_MOST_MAILS = 24  # links for one address

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
}
_LEFT_OUT = {
    "page-cached": {"Cache-Control"},
    "token-leaks": {"Referrer-Policy"},
    "page-framed": {"X-Frame-Options", "Content-Security-Policy"},
}

Asked = Request[Any, Any, Any]
Page = Response[str]


@dataclass
class Account:
    email: str
    hashes: list[str] = field(default_factory=list)


class Shop:
    """The shop. `fault` is the name of the attack that succeeds.

    `base_url`: where it is served; its links begin with it.
    `permission`: what it publishes for the probe.
    `second_step`: whether a password alone signs nobody in.
    `front`: the origin to which links are redirected.
    `padding`: what follows each page, answer and mail.
    """

    base_url = permission = ""

    def __init__(
        self, smtp_port: int, fault: str = "", *, second_step: bool = False, front: str = "", padding: str = ""
    ) -> None:
        self._smtp_port, self.fault, self._second_step = smtp_port, fault, second_step
        self.front, self._padding = front, padding
        self._accounts = {email: Account(email) for email in (ANN, BOB)}
        self._tokens: dict[str, Account] = {}
        self._sessions: dict[str, Account] = {}
        self._asked = Counter[str]()
        self._outbox = queue.SimpleQueue[tuple[EmailMessage, list[str]] | None]()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send mails while the block runs."""
        thread = threading.Thread(target=self._send, name="the shop's mails")
        thread.start()
        try:
            yield
        finally:
            self._outbox.put(None)
            thread.join()

    def _send(self) -> None:
        while entry := self._outbox.get():
            mail, recipients = entry
            with smtplib.SMTP("127.0.0.1", self._smtp_port) as server:
                server.send_message(mail, "shop@app.example", recipients)

    def _mail(self, recipients: list[str], subject: str, text: str) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Shop <shop@app.example>", "customer:;", subject
        mail.set_content(text + self._padding)
        self._outbox.put((mail, recipients))

    # The story

    def ask(self, addresses: list[str], headers: Mapping[str, str]) -> str:
        """Mail a link, unless there is no such account. Returns the link, or one that leads nowhere."""
        account = self._account(addresses[0])
        self._asked[addresses[0].lower()] += 1
        too_many = self._asked[addresses[0].lower()] > _MOST_MAILS and self.fault != "no-limit"
        token = self._token(addresses[0].lower() if account is None else account.email)
        link = f"{self._origin(headers)}/reset?token={token}"
        if account is None or too_many:
            return link
        if self.fault == "times-differ":
            hashlib.pbkdf2_hmac("sha256", b"token", b"salt", _SLOW)
        self._tokens[token] = account
        self._mail(self._recipients(account, addresses), "Choose a new password", f"Open this link:\n\n{link}\n")
        return link

    def _account(self, typed: str) -> Account | None:
        if self.fault == "address-look-alike":
            typed = unicodedata.normalize("NFKC", typed)
        if self.fault == "address-header":
            typed = typed.split()[0]
        return self._accounts.get(typed.lower())

    def _recipients(self, account: Account, addresses: list[str]) -> list[str]:
        typed = addresses[0]
        match self.fault:
            case "address-list":
                return [account.email, *addresses[1:]]
            case "address-header" if re.search(r"[\r\n]", typed):
                return re.findall(r"[^\s:,<>]+@[^\s,<>]+", typed)
            case "address-look-alike" if not typed.isascii():
                return [typed]
            case "mail-to-typed":
                return [typed]
        return [account.email]

    def _token(self, email: str) -> str:
        match self.fault:
            case "token-short":
                return secrets.token_hex(2)
            case "token-predictable":
                return hashlib.sha256(email.encode()).hexdigest()
        return secrets.token_urlsafe(32)

    def _origin(self, headers: Mapping[str, str]) -> str:
        match self.fault:
            case "host-in-link":
                return f"http://{headers.get('x-forwarded-host') or headers['host']}"
            case "link-not-https":
                return "http://shop.app.example"
        return self.base_url

    async def reset(self, token: str, password: str, named: str = "") -> Account | None:
        """Set a password and end what the account had, if the link works."""
        account = self._tokens.get(token)
        if account is None or len(password) < 8:
            return None
        if self.fault == "link-twice-at-once":
            await asyncio.to_thread(hashlib.pbkdf2_hmac, "sha256", b"password", b"salt", _SLOW)
        if self.fault != "older-link-works":
            self._end_links(account)
        self._tokens.pop(token, None)
        if self.fault == "link-twice":
            self._tokens[token] = account
        if self.fault == "other-account" and named:
            account = self._accounts.get(named.lower(), account)
        self._set(account, password, ends_sessions=self.fault != "sessions-survive")
        return account

    def change(self, session: str, current: str, password: str) -> bool:
        """Set another password for an account that is signed in."""
        account = self._sessions.get(session)
        if account is None or not self._knows(account, current) or len(password) < 8:
            return False
        if self.fault != "link-after-change":
            self._end_links(account)
        self._set(account, password, ends_sessions=False)
        return True

    def _set(self, account: Account, password: str, *, ends_sessions: bool) -> None:
        kept = account.hashes if self.fault == "old-password-works" else []
        account.hashes = [*kept, _hash(password)]
        if ends_sessions:
            self._sessions = {name: owner for name, owner in self._sessions.items() if owner is not account}
        said = f"\n\nThe new password: {password}" if self.fault == "password-mailed" else ""
        if self.fault == "no-notice":
            self._mail(["support@app.example"], "A password was changed", account.email)
        else:
            self._mail([account.email], "Your password was changed", f"Was this not you? Call us.{said}")

    def _end_links(self, account: Account) -> None:
        self._tokens = {token: owner for token, owner in self._tokens.items() if owner is not account}

    def sign_in(self, email: str, password: str) -> str | None:
        """Return the name of a session, an empty one if the second step is missing, or None for a wrong password."""
        account = self._accounts.get(email.lower())
        if account is None or not self._knows(account, password):
            return None
        return "" if self._second_step else self.session(account)

    def session(self, account: Account) -> str:
        name = secrets.token_urlsafe(32)
        self._sessions[name] = account
        return name

    def _knows(self, account: Account, password: str) -> bool:
        return _hash(password) in account.hashes

    def opened(self, token: str) -> str | None:
        """Return the token for the form of a link's page, or None if the link is dead."""
        if token not in self._tokens or self.fault != "get-uses-link":
            return token if token in self._tokens else None
        account, fresh = self._tokens.pop(token), secrets.token_urlsafe(32)
        self._tokens[fresh] = account
        return fresh

    # Over HTTP

    def app(self) -> Litestar:
        left_out = _LEFT_OUT.get(self.fault, set())
        headers = {name: value for name, value in _HEADERS.items() if name not in left_out}

        def finish(answer: Response[Any]) -> Response[Any]:
            answer.headers.update(headers)
            if isinstance(answer.content, dict):
                answer.content["padding"] = self._padding
            elif answer.content:
                answer.content += self._padding
            return answer

        shop = {"shop": Provide(lambda: self, sync_to_thread=False)}
        return Litestar([_Routes], dependencies=shop, after_request=finish, logging_config=None, openapi_config=None)

    def knows(self, typed: str) -> bool:
        return self._account(typed) is not None

    def owner(self, request: Asked) -> Account | None:
        return self._sessions.get(request.cookies.get("session", ""))


def _hash(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _session_cookie(session: str) -> Cookie:
    return Cookie("session", value=session, httponly=True, samesite="lax")


def _page(title: str, body: str, status: int = 200, *, cookies: Sequence[Cookie] = (), head: str = "") -> Page:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head>'
        f"<body><h1>{title}</h1>{body}</body></html>"
    )
    return Response(text, status_code=status, media_type="text/html", cookies=cookies)


def _form(request: Asked, action: str, *fields: str) -> tuple[str, list[Cookie]]:
    csrf = request.cookies.get("csrf") or secrets.token_urlsafe(16)
    hidden = f'<input type="hidden" name="csrf" value="{escape(csrf)}">'
    form = f'<form method="post" action="{action}">{hidden}{"".join(fields)}<button>Send</button></form>'
    return form, [Cookie("csrf", value=csrf, samesite="strict")]


_EMAIL = '<label>Email <input type="email" name="email" required></label>'
_PASSWORD = '<label>Password <input type="password" name="password" required></label>'
_REPEAT = '<label>Repeat it <input type="password" name="repeat" required></label>'
_NOT_CHANGED = "The password was not changed"
_CURRENT = '<label>Current password <input type="password" name="current" required></label>'


async def _sent(request: Asked) -> dict[str, list[Any]]:
    """Return the fields of JSON or of a form. Raises PermissionDeniedException if a form is not this site's own."""
    if _is_api(request):
        members = (await request.json()).items()
        return {name: value if isinstance(value, list) else [value] for name, value in members}
    fields = {name: [str(value) for value in values] for name, values in (await request.form()).dict().items()}
    cookie, sent = request.cookies.get("csrf", ""), fields.get("csrf", [""])[0]
    if not cookie or not hmac.compare_digest(cookie, sent):
        raise PermissionDeniedException("Reload the page and try again")
    return fields


async def _words(request: Asked, *names: str) -> list[str]:
    fields = await _sent(request)
    return [str(fields.get(name, [""])[0]) for name in names]


def _is_api(request: Asked) -> bool:
    return request.url.path.startswith("/api/")


def _say(
    request: Asked, title: str, body: str = "", status: int = 200, *, cookies: Sequence[Cookie] = ()
) -> Response[Any]:
    """Answer with a page, or with JSON that says the same. `body`: HTML."""
    if _is_api(request):
        return Response({"said": title, "more": body}, status_code=status, cookies=cookies)
    return _page(title, body, status, cookies=cookies)


def _redirect(address: str, status: int = 303) -> Page:
    return Response("", status_code=status, headers={"Location": address}, media_type="text/html")


def _readable(shop: Shop, addresses: list[Any]) -> bool:
    """Tell whether these are one address, or what a fault takes for one."""
    if not (addresses and all(isinstance(one, str) and one for one in addresses)):
        return False
    one = len(addresses) == 1 or shop.fault == "address-list"
    return one and (bool(re.fullmatch(r"[^\s@]+@[^\s@]+", addresses[0])) or shop.fault == "address-header")


OfApp = NamedDependency[Shop]


class _Routes(Controller):
    """Pages with forms, and below /api/ the same in JSON."""

    @get("/", sync_to_thread=False)
    def start(self) -> Page:
        return _page("The shop", '<a href="/tea">Tea</a> <a href="/login">Sign in</a>')

    @get("/.well-known/keyturn-probe", media_type="text/plain", sync_to_thread=False)
    def permission(self, shop: OfApp) -> str:
        return shop.permission

    @get("/login", sync_to_thread=False)
    def sign_in_page(self, request: Asked) -> Page:
        form, cookies = _form(request, "/login", _EMAIL, _PASSWORD)
        return _page("Sign in", f'{form}<a href="/forgot">Forgot your password?</a>', cookies=cookies)

    @post(["/login", "/api/login"])
    async def sign_in(self, shop: OfApp, request: Asked) -> Response[Any]:
        session = shop.sign_in(*await _words(request, "email", "password"))
        if session is None:
            return _say(request, "Wrong email or password", status=401)
        if not session:
            return _say(request, "Enter the code", '<form method="post" action="/code"><input name="code"></form>')
        answer = _say(request, "Signed in") if _is_api(request) else _redirect("/account")
        answer.cookies.append(_session_cookie(session))
        return answer

    @get(["/account", "/api/me"], sync_to_thread=False)
    def account_page(self, shop: OfApp, request: Asked) -> Response[Any]:
        account = shop.owner(request)
        if _is_api(request):
            return _say(request, account.email) if account else _say(request, "", status=401)
        if account is None:
            return _redirect("/login")
        form, cookies = _form(request, "/account/password", _CURRENT, _PASSWORD)
        return _page("Your account", f"<p>{escape(account.email)}</p>{form}", cookies=cookies)

    @post(["/account/password", "/api/password"])
    async def change(self, shop: OfApp, request: Asked) -> Response[Any]:
        current, password = await _words(request, "current", "password")
        changed = shop.change(request.cookies.get("session", ""), current, password)
        return _say(request, "Your password was changed" if changed else _NOT_CHANGED, status=200 if changed else 400)

    @get("/forgot", sync_to_thread=False)
    def ask_page(self, request: Asked) -> Page:
        form, cookies = _form(request, "/forgot", _EMAIL)
        return _page("Forgot your password?", form, cookies=cookies)

    @post(["/forgot", "/api/forgot"])
    async def ask(self, shop: OfApp, request: Asked) -> Response[Any]:
        addresses = (await _sent(request)).get("email", [""])
        if not _readable(shop, addresses):
            return _say(request, "Enter one email address", status=400)
        if shop.fault == "answers-differ" and not shop.knows(addresses[0]):
            return _say(request, "There is no such account", status=404)
        link = shop.ask(addresses, request.headers)
        return _say(request, "Look into your inbox", escape(link) if shop.fault == "secret-in-answer" else "")

    @route("/reset", http_method=["GET", "HEAD"], sync_to_thread=False)
    def link_page(self, shop: OfApp, request: Asked) -> Page:
        token = request.query_params.get("token", "")
        if shop.front:
            return _redirect(f"{shop.front}/reset?token={token}", 302)
        if (opened := shop.opened(token)) is None:
            return _page("This link does not work", '<a href="/forgot">Ask for another</a>', 404)
        hidden = f'<input type="hidden" name="token" value="{escape(opened)}">'
        form, cookies = _form(request, "/reset", hidden, _PASSWORD, _REPEAT)
        if shop.fault == "token-in-cookie":
            cookies.append(Cookie("reset", value=opened))
        head = '<script src="https://stats.example/count.js"></script>' if shop.fault == "token-leaks" else ""
        return _page("Choose a new password", form, cookies=cookies, head=head)

    @post(["/reset", "/api/reset"])
    async def reset(self, shop: OfApp, request: Asked) -> Response[Any]:
        token, password, repeat, email = await _words(request, "token", "password", "repeat", "email")
        account = await shop.reset(token, password, email) if password == repeat else None
        if account is None:
            return _say(request, _NOT_CHANGED, "<p>Ask for another link.</p>", 400)
        cookies = [_session_cookie(shop.session(account))] if shop.fault == "second-step-skipped" else []
        if shop.fault == "token-in-cookie" and _is_api(request):
            cookies.append(Cookie("reset", value=token))
        said = "." * 385 + password if shop.fault == "password-in-answer" else ""  # a report has 400 letters
        return _say(request, "Your password was changed", said, cookies=cookies)
