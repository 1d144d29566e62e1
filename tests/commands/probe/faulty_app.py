"""A shop with forms and JSON whose password reset is right, or wrong in one thing, as one attack of
`probe` finds.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
import smtplib
import unicodedata
from collections import Counter
from collections.abc import Mapping
from email.message import EmailMessage
from html import escape
from typing import Any
from urllib.parse import quote

from litestar import Litestar, Request, Response, route
from litestar.datastructures import Cookie
from litestar.exceptions import NotFoundException, PermissionDeniedException

ANN, BOB, ARCHIVE = "ann.sikes@app.example", "bob@app.example", "archive@app.example"

_SLOW = 300_000  # iterations: about a tenth of a second
_MOST_MAILS = 24  # links for one address
_HEADERS = {
    "Cache-Control": ("no-store", "page-cached"),
    "Referrer-Policy": ("no-referrer", "token-leaks"),
    "X-Frame-Options": ("DENY", "page-framed"),
    "Content-Security-Policy": ("frame-ancestors 'none'", "page-framed"),
}
"""Of each answer, with the fault that leaves it out."""
_INPUT = '<label>{0} <input type="{1}" name="{0}" required></label>'
_BUTTONS = (
    '<button name="do" value="send">Send</button><button name="do" value="cancel">Cancel</button>'
)
_EMAIL, _PASSWORD = _INPUT.format("email", "email"), _INPUT.format("password", "password")
_REPEAT, _CURRENT = (_INPUT.format(name, "password") for name in ("repeat", "current"))
_CHANGED, _NOT_CHANGED = "Your password was changed", "The password was not changed"

Asked = Request[Any, Any, Any]
Page = Response[Any]


class Shop:
    """The shop. `fault` is the name of the attack that succeeds.

    `base_url`: where it is served. `permission`: what it publishes for the probe. Options:
    `second_step`: a password alone signs nobody in. `front`: the origin to which links redirect.
    `padding`: ends each page, answer and mail.
    `headers`: of all answers. `markup`: more of the link's page. `token`: makes the tokens.
    `start`: where a visitor begins.
    """

    base_url = permission = front = padding = markup = start = ""
    permission_type = "text/plain"
    second_step, headers = False, dict[str, str]()
    token = staticmethod(lambda: secrets.token_urlsafe(32))

    def __init__(self, smtp_port: int, fault: str = "", **options: Any) -> None:
        self._smtp_port, self._fault = smtp_port, fault
        vars(self).update(options)
        self._hashes: dict[str, set[str]] = {ANN: set(), BOB: set()}
        self._tokens: dict[str, str] = {}
        self._sessions: dict[str, str] = {}
        self._asked = Counter[str]()

    def _mail(self, recipients: list[str], subject: str, text: str) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Shop <shop@app.example>", "customer:;", subject
        mail.set_content(text + self.padding)
        with smtplib.SMTP(
            "127.0.0.1", self._smtp_port
        ) as server:  # before the answer: no test waits for a mail
            server.send_message(mail, "shop@app.example", recipients)

    def _ask(self, addresses: list[str], headers: Mapping[str, str]) -> str:
        """Mail a link, unless there is no such account.

        Returns the link, or one that leads nowhere.
        """
        typed, account = addresses[0].lower(), self._account(addresses[0])
        self._asked[typed] += 1
        predictable = hashlib.sha256((account or typed).encode()).hexdigest()
        weak = {"token-short": secrets.token_hex(2), "token-predictable": predictable}
        token = weak.get(self._fault) or self.token()
        named = headers.get("x-forwarded-host") or headers["host"]
        wrong = {"host-in-link": f"http://{named}", "link-not-https": "http://shop.app.example"}
        # as of a base URL with a slash
        link = f"{wrong.get(self._fault, self.base_url)}//reset?token={quote(token)}"
        is_ignored = self._fault == "ignores-hosts" and not self.base_url.endswith(headers["host"])
        if (
            account is None
            or is_ignored
            or (self._asked[typed] > _MOST_MAILS and self._fault != "no-limit")
        ):
            self._mail(
                [ARCHIVE] * 2, "A link was asked for", typed
            )  # for as long as the mail of an account
            return link
        if self._fault == "times-differ":
            hashlib.pbkdf2_hmac("sha256", b"token", b"salt", _SLOW)
        self._tokens[token] = account
        self._mail(
            self._recipients(account, addresses),
            "Choose a new password",
            f"Your password:\n\n{link}\n",
        )
        return link

    def _account(self, typed: str) -> str | None:
        if self._fault == "address-look-alike":
            typed = unicodedata.normalize("NFKC", typed)
        if self._fault == "address-header":
            typed = typed.split()[0]
        return typed.lower() if typed.lower() in self._hashes else None

    def _recipients(self, account: str, addresses: list[str]) -> list[str]:
        typed = addresses[0]
        if self._fault == "address-header" and re.search(r"[\r\n]", typed):
            return re.findall(r"[^\s:,<>]+@[^\s,<>]+", typed)
        is_typed = self._fault == "mail-to-typed" or (
            self._fault == "address-look-alike" and not typed.isascii()
        )
        return [typed if is_typed else account, ARCHIVE, *addresses[1:]]

    async def _reset(self, token: str, password: str, named: str) -> str | None:
        """Set a password and end what the account had, if the link works. Returns the account."""
        account = self._tokens.get(token)
        if account is None or len(password) < 8:
            return None
        if self._fault == "link-twice-at-once":
            await asyncio.to_thread(hashlib.pbkdf2_hmac, "sha256", b"password", b"salt", _SLOW)
        if self._fault != "older-link-works":
            self._tokens = _without(self._tokens, account)
        self._tokens.pop(token, None)
        if self._fault == "link-twice":
            self._tokens[token] = account
        if self._fault == "other-account" and named.lower() in self._hashes:
            account = named.lower()
        self._set(account, password)
        if self._fault != "sessions-survive":
            self._sessions = _without(self._sessions, account)
        return account

    def _change(self, account: str | None, current: str, password: str) -> bool:
        """Set another password for an account that is signed in."""
        if account is None or _hash(current) not in self._hashes[account] or len(password) < 8:
            return False
        if self._fault != "link-after-change":
            self._tokens = _without(self._tokens, account)
        self._set(account, password)
        return True

    def _set(self, account: str, password: str) -> None:
        kept = self._hashes[account] if self._fault == "old-password-works" else set()
        self._hashes[account] = {*kept, _hash(password)}
        said = f"\n\nThe new password: {password}" if self._fault == "password-mailed" else ""
        told = "support@app.example" if self._fault == "no-notice" else account
        self._mail([told], _CHANGED, f"Was this not you? Call us.{said}")

    def _session(self, account: str) -> Cookie:
        name = secrets.token_urlsafe(32)
        self._sessions[name] = account
        return Cookie("session", value=name, httponly=True, samesite="lax")

    def app(self) -> Litestar:
        @route(["/", "/{rest:path}"], http_method=["GET", "HEAD", "POST"])
        async def answer(request: Asked) -> Page:
            given = await (self._take(request) if request.method == "POST" else self._show(request))
            usual = {
                name: value for name, (value, fault) in _HEADERS.items() if fault != self._fault
            }
            given.headers.update({**usual, **self.headers})
            if isinstance(given.content, dict):
                given.content["padding"] = self.padding
            elif given.content:
                given.content += self.padding
            return given

        return Litestar([answer], logging_config=None, openapi_config=None)

    async def _show(self, request: Asked) -> Page:
        match request.url.path:
            case "/":
                return _page("The shop", '<a href="/tea">Tea</a> <a href="/login">Sign in</a>')
            case "/.well-known/keyturn-probe":
                return Response(self.permission, status_code=200, media_type=self.permission_type)
            case "/login":
                return _page(
                    "Sign in",
                    '<a href="/forgot">Forgot your password?</a>',
                    200,
                    request,
                    _EMAIL,
                    _PASSWORD,
                )
            case "/forgot":
                return _page("Forgot your password?", "", 200, request, _EMAIL)
            case "/reset":
                return self._show_link(request, request.query_params.get("token", ""))
            case "/account" | "/api/account":
                account = self._signed_in(request)
                if _is_api(request):
                    return _say(request, account or "nobody", 200 if account else 401)
                if account is None:
                    return _redirect("/login")
                return _page(
                    "Your account", f"<p>{escape(account)}</p>", 200, request, _CURRENT, _PASSWORD
                )
        raise NotFoundException

    def _show_link(self, request: Asked, token: str) -> Page:
        if self.front:
            return _redirect(f"{self.front}/reset?token={token}", 302)
        if token not in self._tokens:
            return _page("This link does not work", '<a href="/forgot">Ask for another</a>', 404)
        if self._fault == "get-uses-link":
            fresh = secrets.token_urlsafe(32)
            self._tokens[fresh], token = self._tokens.pop(token), fresh
        hidden = f'<input type="hidden" name="token" value="{escape(token)}">'
        script = (
            '<script src="https://stats.example/count.js"></script>'
            if self._fault == "token-leaks"
            else ""
        )
        if self._fault == "token-in-cookie" and not request.cookies.get("reset"):
            cookies = [Cookie("reset", value=token)]
            return Response(
                "", status_code=302, headers={"Location": str(request.url)}, cookies=cookies
            )
        return _page(
            "Choose a new password", script + self.markup, 200, request, hidden, _PASSWORD, _REPEAT
        )

    def _signed_in(self, request: Asked) -> str | None:
        return self._sessions.get(request.cookies.get("session", ""))

    async def _take(self, request: Asked) -> Page:
        fields = await _sent(request)
        names = ("email", "password", "current", "repeat", "token")
        email, password, current, repeat, token = (str(fields.get(name, [""])[0]) for name in names)
        match request.url.path.removeprefix("/api"):
            case "/login":
                return self._sign_in(request, email.lower().removeprefix("mailto:"), password)
            case "/account":
                changed = self._change(self._signed_in(request), current, password)
                return _say(request, _CHANGED if changed else _NOT_CHANGED, 200 if changed else 400)
            case "/forgot":
                return self._take_address(request, fields.get("email", [""]))
            case "/reset":
                account = await self._reset(token, password, email) if password == repeat else None
                if account is None:
                    return _say(request, _NOT_CHANGED, 400)
                said = (
                    "." * 385 + password if self._fault == "password-in-answer" else ""
                )  # a report has 400 letters
                answer = _say(request, _CHANGED, 200, said)
                if self._fault == "second-step-skipped":
                    answer.cookies.append(self._session(account))
                if self._fault == "token-in-cookie":
                    answer.cookies.append(Cookie("reset", value=token if _is_api(request) else ""))
                return answer
        raise NotFoundException

    def _sign_in(self, request: Asked, account: str, password: str) -> Page:
        if _hash(password) not in self._hashes.get(account, ()):
            return _say(request, "Wrong email or password", 401)
        if self.second_step:
            return _say(
                request,
                "Enter the code",
                200,
                '<form method="post" action="/code"><input name="code"></form>',
            )
        self._mail([account], "A new sign-in", "Was this not you? Call us.")
        answer = _say(request, "Signed in") if _is_api(request) else _redirect("/account")
        answer.cookies.append(self._session(account))
        return answer

    def _take_address(self, request: Asked, addresses: list[Any]) -> Page:
        is_one = len(addresses) == 1 or self._fault == "address-list"
        pattern = r"[^@]+@.+" if self._fault == "address-header" else r"[^\s@]+@[^\s@]+"
        if not is_one or not all(
            isinstance(one, str) and re.fullmatch(pattern, one, re.DOTALL) for one in addresses
        ):
            return _say(request, "Enter one email address", 400)
        if self._fault == "answers-differ" and not self._account(addresses[0]):
            return _say(request, "このメールアドレスのアカウントは見つかりませんでした")
        link = self._ask(addresses, request.headers)
        said = escape(link) if self._fault == "secret-in-answer" else ""
        return _say(request, "再設定用のリンクをメールで送信しましたのでご確認ください", 200, said)


def _hash(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _without(owners: dict[str, str], account: str) -> dict[str, str]:
    return {secret: owner for secret, owner in owners.items() if owner != account}


def _is_api(request: Asked) -> bool:
    return request.url.path.startswith("/api/")


async def _sent(request: Asked) -> dict[str, list[Any]]:
    """Return the fields of JSON or, as PHP does, of a form.

    Raises PermissionDeniedException without its secret.
    """
    if _is_api(request):
        members = (await request.json()).items()
        return {name: value if isinstance(value, list) else [value] for name, value in members}
    sent = {
        name: [str(value) for value in values]
        for name, values in (await request.form()).dict().items()
    }
    fields = {
        name.removesuffix("[]"): values if name.endswith("[]") else values[-1:]
        for name, values in sent.items()
    }
    cookie = request.cookies.get("csrf", "")
    if fields.get("do") != ["send"] or not hmac.compare_digest(
        _hash(cookie)[:20], fields.get("csrf", [""])[0]
    ):
        raise PermissionDeniedException("Reload the page and try again")
    return fields


def _page(
    title: str, body: str, status: int = 200, request: Asked | None = None, *fields: str
) -> Page:
    """Return a page, with a form of these fields for the same address if there are any.

    `body`: HTML.
    """
    cookies = []
    if request:
        csrf = request.cookies.get("csrf") or secrets.token_urlsafe(16)
        cookies = [Cookie("csrf", value=csrf, samesite="strict")]
        body += '<form method="post" action="/news"><input name="email"></form>'
        fields = (f'<input type="hidden" name="csrf" value="{_hash(csrf)[:20]}">', *fields)
        body += (
            f'<form method="post" action="{request.url.path}">{"".join(fields)}{_BUTTONS}</form>'
        )
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    )
    text = f"{head}<body><h1>{title}</h1>{body}</body></html>"
    return Response(text, status_code=status, media_type="text/html", cookies=cookies)


def _say(request: Asked, title: str, status: int = 200, body: str = "") -> Page:
    """Answer with a page, or with JSON that says the same. `body`: HTML."""
    if _is_api(request):
        return Response({"said": title, "more": body}, status_code=status)
    return _page(title, body, status)


def _redirect(address: str, status: int = 303) -> Page:
    return Response("", status_code=status, headers={"Location": address}, media_type="text/html")
