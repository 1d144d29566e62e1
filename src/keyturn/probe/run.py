"""The steps that attacks are made of: ask for a link, wait for its mail, use the link, sign in."""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from keyturn.probe.attack import AttackEnded, CannotProbe, NotTried, unsure
from keyturn.probe.browser import Browser, Web
from keyturn.probe.calls import Call, find_calls, form_for, forms_of
from keyturn.probe.mails import Mail, ReceivedMails
from keyturn.probe.page import Page
from keyturn.probe.target import Patience, Target
from keyturn.studio.inbox.store import CapturedMails

_SLOWER = 5
"""How many times longer than the slowest mail so far the probe waits for the next."""

_NO_FIRST_MAIL = (
    "Let the application send by SMTP to the port of --smtp on this machine, "
    "and name an account that exists."
)
_NO_LATER_MAIL = (
    "A limit may hold it back: raise it while the probe runs. Or the account does not exist."
)

_LONG_WORD = re.compile(r"(?<![\w-])(?=[\w-]*\d)([\w-]{4})[\w-]{20,}")


class Story(Struct):
    """A request for a link, its mail, and what became of the link.

    `account`: the address of one of the user's accounts.
    `browser`: the one that opens the link. `page`: what the link showed.
    `password`: the one that it was used for. `done`: the answer to it.
    `scanned`: what a mail scanner saw before. `used_up`: the answer to a new password, if the link
    was dead then.
    """

    account: str
    asked: Page
    mail: Mail
    browser: Browser
    page: Page | None = None
    password: str = ""
    done: Page | None = None
    scanned: Sequence[Page] = ()
    used_up: Page | None = None


PASSWORD = re.compile(r"Aa1-[\w-]{20}")
"""A password of the probe.

Usual policies accept it, and no form encodes its characters, so reports can hide it.
"""


def new_password() -> str:
    return f"Aa1-{secrets.token_urlsafe(15)}"


@lru_cache
def pattern_of(secret: str) -> re.Pattern[str]:
    """Return a pattern of a secret as it is, and as URLs, JSON and HTML may write its signs."""
    sign = r"(?i:\\?{0}|%{1:02x}|\\u{1:04x}|&#x0*{1:x};|&#{1};)"
    pattern = ""
    for character in secret:
        if character.isalnum():
            pattern += character
        else:
            pattern += sign.format(re.escape(character), ord(character))
    return re.compile(pattern)


_CHANGING_PARTS = re.compile(r"[?#].*|(?<![^/])[^/]*\d[^/]*")
"""What differs between redirects of one outcome: queries, and parts of the path with a digit."""


class Appearance(NamedTuple):
    """What tells the outcomes of a call apart.

    `statuses`: of the first and of the last answer.
    `redirects`: where each answer leads.
    `cookies`: the names of those that are set.
    `passwords`: how many fields for passwords the forms have.
    `members`: of a JSON object, with the values that say yes or no.
    """

    statuses: tuple[int, int]
    redirects: tuple[str, ...]
    cookies: tuple[str, ...]
    passwords: int
    members: tuple[tuple[str, str], ...]


def appearance(page: Page) -> Appearance:
    redirects = [_CHANGING_PARTS.sub("", answer.header("location")) for answer in page.all]
    passwords = 0
    if page.is_html:
        passwords = sum(form.passwords for form in forms_of(page))
    return Appearance(
        statuses=(page.all[0].status, page.status),
        redirects=tuple(redirects),
        cookies=tuple(sorted(page.cookies)),
        passwords=passwords,
        members=tuple(_members(page)),
    )


def _members(page: Page) -> Iterator[tuple[str, str]]:
    try:
        document = msgspec.json.decode(page.body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        document = {}
    for key in sorted(document):
        value = document[key]
        says_yes_or_no = isinstance(value, bool) or key in {"status", "result"}
        yield key, str(value) if says_yes_or_no else ""


class Run:
    """The application under test as attacks see it, and what is known about it by now.

    Raises CannotProbe.

    `target`: with the calls that were found.
    `passwords`: of each account, the one that signs in, and all that may have replaced it.
    `proven`: these signed in.
    `ann`: the first account. `other`: the second, or the first if there is no other.
    `stories`: all that were told; the run begins with the first. `notices`: the mails that followed
    the first reset.
    """

    def __init__(
        self, target: Target, inbox: CapturedMails, patience: Patience | None = None
    ) -> None:
        self.target = target
        self.patience = patience or Patience()
        self.web = Web(target.url, self.patience.call)
        self.inbox = ReceivedMails(inbox)
        self.passwords: dict[str, list[str]] = {address: [] for address in target.accounts}
        if not self.passwords or not all("@" in address for address in self.passwords):
            raise CannotProbe(
                "Name one or two accounts for tests by their addresses: --account ann@app.example."
            )
        different = set(map(str.lower, target.accounts))
        if len(target.accounts) > 2 or len(different) < len(target.accounts):
            raise CannotProbe("Name two different accounts for tests, and no more.")
        self.ann = target.accounts[0]
        self.other = target.accounts[-1]
        self.calls: dict[str, Call] = {}
        self.notices: list[Mail] = []
        self.stories: list[Story] = []
        self.proven: set[str] = set()
        # How the answers to a right and to a wrong password look, once that is known.
        self._right: Appearance | None = None
        self._wrong: Appearance | None = None

    @property
    def first(self) -> Story:
        return self.stories[0]

    def has_token(self, text: str) -> bool:
        return any(pattern_of(story.mail.token).search(text) for story in self.stories)

    @property
    def bob(self) -> str:
        """The second account. Raises AttackEnded."""
        if self.other == self.ann:
            raise NotTried("This needs a second account: name one with --account.")
        return self.other

    def stranger(self) -> str:
        """Return an address without an account, whose mails would come to the probe as well."""
        domain = self.ann.rpartition("@")[2]
        return f"keyturn-{secrets.token_hex(4)}@{domain}"

    def call(
        self, name: str, hint: str = "The probe found no way to sign in: name it by --sign-in."
    ) -> Call:
        """Return a call that the user named, or the probe found.

        Raises AttackEnded with the hint.
        """
        if name not in self.calls:
            raise NotTried(hint)
        return self.calls[name]

    @property
    def usual_wait(self) -> float:
        """Seconds after which a mail does not come any more, by the mails so far."""
        return max(self.patience.silence, _SLOWER * self.inbox.slowest)

    async def begin(self) -> None:
        """Find the calls, and play the first story.

        Raises CannotProbe, and AttackEnded if the story has no end.
        """
        if self.web.is_another_host:
            await self.web.require_permission(self.target.permission)
        named = self.target.calls
        if "request" not in named or "sign_in" not in named:
            found = await find_calls(Browser(self.web), self.target.url)
            named = {**found, **named}
            self.target = replace(self.target, **named)
        if "request" not in named:
            raise CannotProbe(
                f"No link at {self.target.url} leads to a form for a forgotten password: give "
                "--request."
            )
        self.calls = {name: Call.read(name, text) for name, text in named.items()}
        story = await self.link_for(self.ann)
        before = len(self.inbox.mails)
        await self.reset(story)
        wait = max(self.patience.mail, self.usual_wait)
        self.notices = await self.inbox.wait(before, wait, self._is_notice)
        if "sign_in" in self.calls:  # not before: a sign-in may be followed by a mail as well
            await self._learn_sign_in()

    def _is_notice(self, mail: Mail) -> bool:
        return mail.is_for(self.ann) and not self.has_link(mail)

    async def ask(self, address: Any, headers: Mapping[str, str] = {}) -> Page:
        """Ask for a link in a new browser.

        `address`: also a list, or a tuple. Raises AttackEnded beyond a limit.
        """
        return await self.calls["request"].send(Browser(self.web, headers), {"email": address})

    async def link_for(self, account: str) -> Story:
        """Ask for a link, and return it with its mail. Raises AttackEnded if no mail comes."""
        is_first = not self.stories
        wait = self.patience.mail if is_first else self.usual_wait
        before = len(self.inbox.mails)
        answer = await self.ask(account)
        # A mail for another account may come late.
        mails = await self.inbox.wait(
            before, wait, lambda mail: mail.is_for(account) and self.has_link(mail)
        )
        if mails:
            story = Story(account, answer, mails[0], Browser(self.web))
            self.stories.append(story)
            return story
        others = self.inbox.mails[before:]
        if answer.status >= 400:  # a 500 may be an SMTP server that is missing
            problem = f"The request for a link was refused: {self.summary(answer)}."
        elif others and is_first:
            raise NotTried(
                f"The mail {others[0].subject!r} has neither a link with a token nor a code."
            )
        else:
            problem = f"No mail with a link for {account} came within {wait:.0f} seconds."
        raise NotTried(f"{problem} {_NO_FIRST_MAIL if is_first else _NO_LATER_MAIL}")

    def has_link(self, mail: Mail) -> bool:
        """Tell whether a mail has a link like the first one: a notice may have another link with a
        token.
        """
        return bool(mail.token) and (not self.stories or mail.shape == self.first.mail.shape)

    async def use(
        self, story: Story, password: str, more: Mapping[str, Any] = {}, **values: str
    ) -> Page:
        """Set a password with the link: by the call, else by the form on the link's page."""
        self.passwords[story.account].append(password)
        filled = {"email": story.account, **story.mail.parameters, **values, "password": password}
        filled["token"] = story.mail.token
        call = self.calls.get("reset")
        if call:
            return await call.send(story.browser, filled, more)
        if story.page is None:
            story.page = await story.browser.send("GET", story.mail.path)
        if form_for(story.page) is None:  # the page of a dead link
            return story.page
        return await Call("--reset").send_form(story.browser, story.page, filled, more)

    def for_another_reader(self, story: Story, link: str = "") -> Story:
        """Return a story for a browser that has not opened the link.

        `link`: instead of the mail's own.
        """
        mail = replace(story.mail, link=link or story.mail.link)
        return Story(story.account, story.asked, mail, Browser(self.web))

    async def reset(self, story: Story) -> None:
        """Use the link for a new password, which must sign in then.

        Raises AttackEnded if it does not.
        """
        if not await self.has_reset(story):
            raise NotTried(f"The link set no password: {self.summary(story.done)}")

    async def has_reset(self, story: Story) -> bool:
        """Use the link for a new password, and tell whether it signs in then."""
        story.password = new_password()
        story.done = await self.use(story, story.password)
        if self._right is not None and not await self.works(story.account, story.password):
            return False
        self.passwords[story.account] = [story.password]
        return True

    async def change(self, account: str, call: Call) -> None:
        """Change the password as a signed-in user does. Raises AttackEnded."""
        old = self.passwords[account][0]
        password = new_password()
        browser, _ = await self.sign_in(account, old)
        self.passwords[account].append(password)
        page = await call.send(browser, {"email": account, "old": old, "password": password})
        if await self.settled(account, password) != password:
            raise NotTried(f"The call of --change did not change the password ({page.status}).")

    async def sign_in(self, account: str, password: str = "") -> tuple[Browser, Page]:
        """Sign in with a password, or with the account's own, in a new browser.

        Raises AttackEnded.
        """
        call = self.call("sign_in")
        browser = Browser(self.web)
        values = {"email": account, "password": password or self.passwords[account][0]}
        return browser, await call.send(browser, values)

    async def _learn_sign_in(self) -> None:
        """Learn how the answers to a right and to a wrong password look. Raises AttackEnded."""
        _, right = await self.sign_in(self.ann)
        _, wrong = await self.sign_in(self.ann, new_password())
        self._right = appearance(right)
        self._wrong = appearance(wrong)
        if self._right == self._wrong:
            raise NotTried(
                "The sign-in gives the same answer to the new and to a wrong password "
                f"({self.summary(right)}). The reset answered: {self.summary(self.first.done)}. "
                "Name the calls by --reset and --sign-in."
            )
        self.proven.add(self.first.password)

    async def works(self, account: str, password: str) -> bool:
        """Tell whether a password signs in.

        Raises AttackEnded, also if the answer is unlike both known ones.
        """
        _, page = await self.sign_in(account, password)
        seen = appearance(page)
        if seen not in {self._right, self._wrong}:
            unknown = (
                f"The sign-in gave an answer that the probe does not know: {self.summary(page)}"
            )
            raise AttackEnded(unsure(unknown))
        is_right = seen == self._right
        if is_right:
            self.proven.add(password)
        return is_right

    async def settled(self, account: str, *likely: str) -> str:
        """Return the password that signs in, likely ones first: misses lock accounts.

        Raises AttackEnded without one.
        """
        for password in dict.fromkeys((*likely, *self.passwords[account])):
            if await self.works(account, password):
                self.passwords[account] = [password]
                return password
        neither = "Neither the last password nor the one of this attack signs in any more."
        raise AttackEnded(unsure(neither))

    def summary(self, page: Page | None) -> str:
        """Return the status and the beginning of an answer; "" for none."""
        if page is None:
            return ""
        text = self.without_secrets(" ".join(page.words.split()))
        return f"{page.status} {text[:120]}"

    def without_secrets(self, text: str) -> str:
        """Hide the probe's passwords, and all but four letters of tokens and of long words with
        digits.

        Shorten a text only afterwards: a part of a secret would not be recognised.
        """
        text = PASSWORD.sub("[password]", text)
        for token in {story.mail.token for story in self.stories}:
            if len(token) > 4:
                text = f"{token[:4]}…".join(pattern_of(token).split(text))
        return _LONG_WORD.sub(r"\1…", text)
