"""The steps that attacks are made of: ask for a link, wait for its mail, use the link, sign in."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.probe.attack import NotTried, Undecided, Verdict
from keyturn.probe.calls import Call
from keyturn.probe.forms import forms_of
from keyturn.probe.mailbox import Link, Mail, Mailbox
from keyturn.probe.target import Patience
from keyturn.probe.web import Browser, Page, Web

_SLOWER = 5
"""How many times longer than the slowest mail so far the probe waits for the next."""

_NO_MAIL = (
    "Let the application send by SMTP to the port of --smtp on this machine, and name an account that exists.",
    "A limit may hold it back: raise it while the probe runs. Or the account does not exist.",
)
"""What to do if no mail comes: to the first request, and to a later one."""

T = TypeVar("T")
_LONG_WORD = re.compile(r"(?=[\w-]*\d)([\w-]{4})[\w-]{20,}")


class LinkDead(NotTried):
    """A link set no password."""


class Account(Struct):
    """One of the user's accounts. `password`: what signs in by now. `tried`: all that may have replaced it.

    `old`: the password before the last reset.
    """

    address: str
    password: str = ""
    tried: list[str] = []
    old: str = ""


class Story(Struct):
    """A request for a link, its mail, and what became of the link.

    `browser`: the one that opens the link. `page`: what the link showed. `done`: the answer to the new password.
    `scanned`: what a mail scanner saw before. `used_up`: the answer to a new password, if the link was dead then.
    """

    account: Account
    asked: Page
    mail: Mail
    link: Link
    browser: Browser
    page: Page | None = None
    done: Page | None = None
    scanned: list[Page] = []
    used_up: Page | None = None


class Finding(Struct, frozen=True):
    """What an attack's function returns: the verdict, its reason, and the answers that prove it."""

    verdict: Verdict
    why: str
    pages: tuple[Page, ...] = ()


def passed(why: str, *pages: Page) -> Finding:
    return Finding(Verdict.PASSED, why, pages)


def failed(why: str, *pages: Page) -> Finding:
    return Finding(Verdict.FAILED, why, pages)


def unsure(why: str, *pages: Page) -> Finding:
    return Finding(Verdict.UNSURE, why, pages)


def judged(is_wrong: bool, wrong: str, right: str, *pages: Page) -> Finding:
    return failed(wrong, *pages) if is_wrong else passed(right, *pages)


def new_password() -> str:
    """Return a password that usual policies accept. A form does not encode its characters, so reports can hide it."""
    return f"Aa1-{secrets.token_urlsafe(15)}"


def look(page: Page) -> tuple[object, ...]:
    """Return what tells outcomes of a call apart: status, redirects, cookies, form, and an API's yes or no."""
    leads_to = [re.sub(r"[?#].*|[^/]*\d[^/]*", "", answer.header("location")) for answer in page.all]
    fields = sum(form.passwords for form in forms_of(page)) if page.is_html else 0
    try:
        document = msgspec.json.decode(page.body, type=dict[str, Any])
    except msgspec.DecodeError:
        document = {}
    yes_or_no = [key for key, value in document.items() if isinstance(value, bool) or key in {"status", "result"}]
    said = sorted((key, str(document[key]) if key in yes_or_no else "") for key in document)
    return page.all[0].status, page.status, *leads_to, *sorted(page.cookies), fields, *said


def bearer_token(page: Page) -> str:
    """Return the token that an API gives whoever has signed in, or an empty text."""
    token = re.search(r'"(?:access_?token|token|jwt)"\s*:\s*"([\w.~+/=-]{8,})"', page.body, re.IGNORECASE)
    return token[1] if token else ""


@dataclass
class Run:
    """The application under test as attacks see it. `first`: the story with which the run began.

    `notice`: the mail that followed the first reset.
    """

    web: Web
    mailbox: Mailbox
    patience: Patience
    calls: Mapping[str, Call]
    accounts: Sequence[Account]
    has_second_step: bool
    notice: Mail | None = None
    stories: list[Story] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    told: dict[Any, asyncio.Future[Any]] = field(default_factory=dict)
    _right: tuple[object, ...] = ()
    _wrong: tuple[object, ...] = ()

    @property
    def first(self) -> Story:
        return self.stories[0]

    @property
    def tokens(self) -> set[str]:
        return {story.link.token for story in self.stories}

    @property
    def ann(self) -> Account:
        """The first account."""
        return self.accounts[0]

    @property
    def bob(self) -> Account:
        """The second account. Raises NotTried."""
        if len(self.accounts) < 2:
            raise NotTried("This needs a second account: name one with --account.")
        return self.accounts[1]

    @property
    def other(self) -> Account:
        """The second account, or the first one if there is no other: for attacks that need any account."""
        return self.accounts[-1]

    def stranger(self) -> str:
        """Return an address without an account, whose mails would come to the probe as well."""
        return f"keyturn-{secrets.token_hex(4)}@{self.ann.address.rpartition('@')[2]}"

    async def ask(self, address: Any, headers: Mapping[str, str] = {}) -> Page:
        """Ask for a link in a new browser. `address`: also a list. Raises NotTried beyond a limit."""
        return _within_limit(await self.calls["request"].send(Browser(self.web, headers), {"email": address}))

    @property
    def usual_wait(self) -> float:
        """Seconds after which a mail does not come any more, by the mails so far."""
        return max(self.patience.silence, _SLOWER * self.mailbox.slowest)

    async def link_for(self, account: Account) -> Story:
        """Ask for a link, and return it with its mail. Raises NotTried if no mail comes."""
        before, wait = self.mailbox.now(), self.usual_wait if self.stories else self.patience.mail
        asked = await self.ask(account.address)
        mails = await self.mailbox.wait(before, wait, lambda mails: bool(self._links(mails, account)))
        for mail, link in self._links(mails, account)[:1]:
            self.stories.append(Story(account, asked, mail, link, Browser(self.web)))
            return self.stories[-1]
        if asked.status >= 400:  # a 500 may be an SMTP server that is missing
            raise NotTried(f"The request for a link was refused: {self.summary(asked)}. {_NO_MAIL[bool(self.stories)]}")
        if mails and not self.stories:
            raise NotTried(f"The mail {mails[0].subject!r} has neither a link with a token nor a code.")
        no_mail = f"No mail with a link for {account.address} came within {wait:.0f} seconds."
        raise NotTried(f"{no_mail} {_NO_MAIL[bool(self.stories)]}")

    def reset_link(self, mail: Mail) -> Link | None:
        """Return the link of a mail if it is like the first one: a notice may have another link with a token."""
        link = mail.link
        return link if link and (not self.stories or link.shape == self.stories[0].link.shape) else None

    def _links(self, mails: Sequence[Mail], account: Account) -> list[tuple[Mail, Link]]:
        """Return the links for an account, with their mails: one for another account may come late."""
        return [(mail, link) for mail in mails if _is_for(mail, account) and (link := self.reset_link(mail))]

    async def use(self, story: Story, password: str, more: Mapping[str, Any] = {}, **values: str) -> Page:
        """Set a password with the link: by the call, else by the form on the link's page."""
        story.account.tried.append(password)
        self.passwords.append(password)
        filled = {"email": story.account.address, **story.link.parameters, **values, "password": password}
        filled["token"] = story.link.token
        if call := self.calls.get("reset"):
            page = await call.send(story.browser, filled, more)
            story.browser.token = bearer_token(page)
            return _within_limit(page)
        page = story.page = story.page or await story.browser.send("GET", self.web.here(story.link.address))
        if any(form.passwords for form in forms_of(page)):  # the page of a dead link has none
            page = await Call(option="--reset").send_form(story.browser, page, filled, more)
        return _within_limit(page)

    def for_another_reader(self, story: Story, link: Link | None = None) -> Story:
        """Return a story with the same link, or another one, for a browser that has not opened it."""
        return replace(story, link=link or story.link, browser=Browser(self.web), page=None, done=None)

    async def reset(self, story: Story) -> None:
        """Use the link for a new password, which must sign in then. Raises LinkDead if it does not."""
        password = new_password()
        story.done = await self.use(story, password)
        if self._right and not await self.works(story.account, password):
            raise LinkDead(f"The link set no password: {self.summary(story.done)}")
        account = story.account
        account.old, account.password, account.tried = account.password, password, []

    async def sign_in(self, account: Account, password: str) -> tuple[Browser, Page]:
        if "sign_in" not in self.calls:
            raise NotTried("The probe found no way to sign in: name it by --sign-in.")
        browser = Browser(self.web)
        values = {"email": account.address, "password": password}
        page = _within_limit(await self.calls["sign_in"].send(browser, values))
        browser.token = bearer_token(page)
        return browser, page

    async def learn_sign_in(self) -> None:
        """Learn how the answers to a right and to a wrong password look. Raises NotTried."""
        _, right = await self.sign_in(self.ann, self.ann.password)
        _, wrong = await self.sign_in(self.ann, new_password())
        self._right, self._wrong = look(right), look(wrong)
        if self._right == self._wrong:
            done = self.summary(self.first.done) if self.first.done else ""
            raise NotTried(
                f"The sign-in gives the same answer to the new and to a wrong password ({self.summary(right)}). "
                f"The reset answered: {done}. Name the calls by --reset and --sign-in."
            )

    async def works(self, account: Account, password: str) -> bool:
        """Tell whether a password signs in. Raises NotTried, and Undecided if the answer is unlike both known ones."""
        _, page = await self.sign_in(account, password)
        if look(page) not in {self._right, self._wrong}:
            raise Undecided(f"The sign-in gave an answer that the probe does not know: {self.summary(page)}")
        return look(page) == self._right

    async def was_changed(self, account: Account, tried: str) -> bool:
        """Tell whether an attack set the password `tried`. The right one is tried first, which locks no account."""
        if await self.works(account, account.password):
            account.tried = []
            return False
        if not await self.works(account, tried):
            raise Undecided("Neither the last password nor the one of this attack signs in any more.")
        account.password, account.tried = tried, []
        return True

    async def begin(self) -> None:
        """Play the first story. Raises NotTried if it has no end."""
        story, before = await self.link_for(self.ann), self.mailbox.now()
        await self.reset(story)
        if "sign_in" in self.calls:
            await self.learn_sign_in()
        wait = max(self.patience.mail, self.usual_wait)
        self.notice = next(
            iter(self._notices(await self.mailbox.wait(before, wait, lambda m: bool(self._notices(m))))), None
        )

    def _notices(self, mails: Sequence[Mail]) -> list[Mail]:
        """Return the mails to the first account that bring no link like the first one."""
        return [mail for mail in mails if _is_for(mail, self.ann) and not self.reset_link(mail)]

    def summary(self, page: Page) -> str:
        text = parse_html(page.body).text() if page.is_html else page.body
        return f"{page.status} {self.without_secrets(' '.join(text.split()))[:120]}"

    def without_secrets(self, text: str) -> str:
        """Return a text without passwords, and with the first four letters of tokens and of other long words.

        A text that is to be cut is cut afterwards: a part of a secret would not be found.
        """
        for password in self.passwords:
            text = text.replace(password, "[password]")
        for token in self.tokens:
            for form in (token, quote(token), quote(token, safe="")):
                text = text.replace(form, f"{token[:4]}…") if len(token) > 4 else text
        return _LONG_WORD.sub(r"\1…", text)


def _is_for(mail: Mail, account: Account) -> bool:
    return account.address.lower() in {to.lower() for to in mail.to}


def _within_limit(page: Page) -> Page:
    if page.status == 429:
        raise NotTried("A limit of the application answered 429: raise it while the probe runs.")
    return page


def once(tell: Callable[[Run], Awaitable[T]]) -> Callable[[Run], Awaitable[T]]:
    """Decorate a story that several attacks need: it is told once in a run. One that failed fails again."""

    @wraps(tell)
    async def told(run: Run) -> T:
        if tell not in run.told:
            run.told[tell] = asyncio.ensure_future(tell(run))
        outcome: T = await run.told[tell]
        return outcome

    return told
