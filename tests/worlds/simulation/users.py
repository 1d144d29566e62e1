"""Users of a simulated world: they ask for links, use them early, late or twice, sign in, and
report changes.
"""

import asyncio
import base64
import hashlib
import hmac
import re
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from tests.driver.journal import ADA, BEA, CARL, DAN, EVE, GRACE, NOBODY, PASSWORD
from tests.worlds.simulation.provider import FIRST, Accepted
from tests.worlds.simulation.world import Answer, ConnectionLost, Request, World

from keyturn import Email

ASK = "/api/auth/request-password-reset"
CHECK = "/api/auth/validate-reset-token"
RESET = "/api/auth/reset-password"
REPLACE = "/api/auth/replace-expired-link"
SECURE = "/api/auth/secure-account"
LOGIN = "/api/auth/login"
CHANGE = "/api/auth/change-password"
ME = "/api/auth/me"
WEBHOOK = "/webhooks/resend"
SESSION = "keyturn_session"
"""The cookie of a session."""

LINK_LIFE = timedelta(minutes=3)
REPORTS = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The secret under which the main provider signs its reports."""

REQUESTS_OF_A_WORLD = 20
LINK_REQUESTS = 11
"""Requests for a link in the storm; what users do with the links makes up the others, or more."""

LAST_REQUEST = 300.0
"""Seconds after the beginning of a world when the last user of the storm comes."""

_ADDRESSES = (ADA, ADA, ADA, BEA, BEA, CARL, GRACE, DAN, NOBODY, "Ada@Northwind.test")


class Call(msgspec.Struct, kw_only=True):
    """A request and its answer. `answer`: None if it was lost. `server`: the process that got it.

    `at`, `ended`: when it was sent, and when its answer came. A frozen process does its work long
    after the request.
    `clock`: the latest Unix time that the machine's clock showed meanwhile.
    """

    request: Request
    server: str
    at: float
    ended: float = 0.0
    clock: float = 0.0
    answer: Answer | None = None

    @property
    def status(self) -> int:
        return self.answer.status if self.answer else 0


class Users:
    """All users of a world. `calls`: all that they have asked, in order."""

    def __init__(self, world: World) -> None:
        self.calls: list[Call] = []
        self._world = world
        self._random = world.random("users")
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: dict[str, str] = {}
        self._addresses = (
            (*_ADDRESSES, EVE) if world.other and self._random.random() < 0.3 else _ADDRESSES
        )
        self._lost = self._random.randrange(3, LINK_REQUESTS)
        world.readers.append(self._read)

    def come(self) -> None:
        burst = (
            5 if self._random.random() < 0.3 else 0
        )  # requests of one address within ten seconds
        begins = self._random.uniform(0, LAST_REQUEST)
        for number in range(LINK_REQUESTS):
            comes = (
                begins + self._random.uniform(0, 10)
                if number < burst
                else self._random.uniform(0, LAST_REQUEST)
            )
            self.begin(self._ask_for_link(0 if number < burst else number), comes)
        for email in (ADA, BEA, CARL):
            if not self._world.other and self._random.random() < 0.5:
                self.begin(self._sign_in_and_change(email), self._random.uniform(0, LAST_REQUEST))

    async def come_again(self) -> None:
        """Ask for links until the world has had its requests:
        after the storm, all of it must work.
        """
        while len(self.calls) < REQUESTS_OF_A_WORLD:
            await self._ask_for_link(len(self.calls))

    @property
    def are_busy(self) -> bool:
        return bool(self._tasks)

    async def leave(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    def begin(self, doing: Coroutine[Any, Any, object], after: float) -> None:
        async def begin() -> None:
            await asyncio.sleep(after)
            await doing

        task = asyncio.create_task(begin())
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        task.result()

    async def call(self, path: str, fields: dict[str, Any], words: str, **more: Any) -> Call:
        """Send one request; `words` say in the story what for.

        Return it with its answer, unless that is lost.
        """
        number = len(self.calls) + 1
        ip_address = more.pop("ip_address", f"198.19.{number // 200}.{1 + number % 200}")
        request = Request(
            path=path, fields=fields, ip_address=ip_address, agent=f"client-{number:03}", **more
        )
        call = Call(request=request, server=self._world.server, at=self._world.loop.time())
        self.calls.append(call)
        self._world.story.tell(f"{request.agent} {words}")
        try:
            call.answer = await self._world.request(request, loses_answer=self._loses(number))
        except ConnectionLost:
            self._world.story.tell(f"{request.agent} loses its connection")
            return call
        call.ended = self._world.loop.time()
        call.clock = self._world.nature.latest(call.at, call.ended)
        problem = str(call.answer.document.get("type", "")) if call.status >= 400 else ""
        told = problem.removeprefix("urn:keyturn:problem:")
        self._world.story.tell(f"{request.agent} gets {call.status} {told}".rstrip())
        return call

    def _loses(self, number: int) -> bool:
        return number == self._lost or self._random.random() < self._world.weather.lost_answers

    # What they do

    async def _ask_for_link(self, number: int) -> None:
        email, ip_address = self._random.choice(self._addresses), f"198.18.0.{1 + number % 4}"
        await self.call(
            ASK, {"email": email}, f"asks for a link for {email}", ip_address=ip_address
        )

    def _read(self, mail: Accepted) -> None:
        """Decide what the reader of a mail does with it."""
        random, email = self._random, mail.email
        if mail.provider == FIRST and random.random() < 0.3:
            event = "bounced" if random.random() < 0.1 else "delivered"
            for _ in range(random.choice((1, 1, 2))):
                self.begin(self._report(mail, event), random.uniform(0.1, 30))
        if token := link_in(email):
            self._follow(email.to, token)
        if (secure := button_in(email)) and random.random() < 0.25:
            for _ in range(random.choice((1, 2))):
                pressing = self.insist(
                    SECURE, {"token": secure}, f"secures an account with {secure[:6]}"
                )
                self.begin(pressing, random.uniform(1, 40))

    def _follow(self, address: str, token: str) -> None:
        """Use a link that was mailed to that address: at once, twice, beside the one before, late
        or never.
        """
        random = self._random
        earlier, self._links[address] = self._links.get(address, token), token
        match random.choice(("now", "now", "twice", "both", "late", "late", "never")):
            case "now":
                self.begin(self._use(token), random.uniform(1, 60))
            case "twice" | "both" as which:
                moment = random.uniform(1, 60)
                for one in (token, token) if which == "twice" else dict.fromkeys((earlier, token)):
                    self.begin(self._use(one), moment + random.uniform(0, 0.02))
            case "late":
                self.begin(self._use(token), random.uniform(60, 2 * LINK_LIFE.total_seconds()))

    async def _use(self, token: str) -> None:
        """Set a password with a link; try again after a lost answer, and replace a link that has
        expired.
        """
        password = f"vkx 7qz jwp {len(self.calls)}"
        if self._random.random() < 0.3:
            await self.call(CHECK, {"token": token}, f"checks the link {token[:6]}")
        fields = {"token": token, "newPassword": password}
        call = await self.insist(RESET, fields, f"sets a password with the link {token[:6]}")
        if (
            call.answer
            and call.answer.document.get("reason") == "expired"
            and self._random.random() < 0.7
        ):
            for _ in range(self._random.choice((1, 2))):
                await self.call(
                    REPLACE, {"token": token}, f"asks for another link in place of {token[:6]}"
                )

    async def insist(self, path: str, fields: dict[str, Any], words: str) -> Call:
        """Ask again, up to twice, while no answer comes or the answer says to try again."""
        call = await self.call(path, fields, words)
        for _ in range(2):
            if call.answer and call.status not in {429, 503}:
                break
            await asyncio.sleep(self._random.uniform(1, 20))
            call = await self.call(path, fields, words)
        return call

    async def _sign_in_and_change(self, email: str) -> None:
        call = await self.call(
            LOGIN, {"email": email, "password": PASSWORD}, f"signs in as {email}"
        )
        if not call.answer or call.status != 200:
            return
        cookies = call.answer.cookies
        await asyncio.sleep(self._random.uniform(1, 100))
        await self.call(ME, {}, "asks who is signed in", cookies=cookies, method="GET")
        if self._random.random() < 0.5:
            fields = {"currentPassword": PASSWORD, "newPassword": f"jqk 3xv wzp {len(self.calls)}"}
            await self.call(CHANGE, fields, f"changes the password of {email}", cookies=cookies)

    async def _report(self, mail: Accepted, event: str) -> None:
        """Report on a mail, until the report gets a 200."""
        for _ in range(5):
            body, headers = report(mail, event, int(self._world.nature.unix()))
            call = await self.call(
                WEBHOOK, {}, f"reports {event} of {mail.key[-6:]}", raw=body, headers=headers
            )
            if call.status == 200:
                return
            await asyncio.sleep(self._random.uniform(5, 30))


def link_in(email: Email, page: str = "reset-password") -> str:
    """Return the token of the mail's link to that page; "" without one."""
    link = re.search(rf"/{page}/([\w-]{{43}})", email.text)
    return link[1] if link else ""


button_in = partial(link_in, page="secure-your-account")


def report(mail: Accepted, event: str, moment: int) -> tuple[bytes, dict[str, str]]:
    """Return a report as Resend sends it, signed
    (docs.svix.com/receiving/verifying-payloads/how-manual).
    """
    data: dict[str, Any] = {
        "email_id": f"{mail.provider}-{mail.key}",
        "to": [mail.email.to],
        "headers": [{"name": name, "value": value} for name, value in mail.email.headers.items()],
    }
    if event == "bounced":
        data["bounce"] = {"type": "Permanent", "subType": "Suppressed", "message": "unknown user"}
    body = msgspec.json.encode(
        {"type": f"email.{event}", "created_at": "2027-01-15T08:00:00Z", "data": data}
    )
    name = f"report-{mail.key[-6:]}-{event}"
    key = base64.b64decode(REPORTS.removeprefix("whsec_"))
    signature = base64.b64encode(
        hmac.digest(key, f"{name}.{moment}.".encode() + body, hashlib.sha256)
    ).decode()
    return body, {
        "svix-id": name,
        "svix-timestamp": str(moment),
        "svix-signature": f"v1,{signature}",
    }


# Different calls about one account at once. Only some worlds have them, and their random numbers
# are a stream of their own, so all other seeds keep their stories.

Deed = Callable[[], Coroutine[Any, Any, object]]


def has_races(seed: int) -> bool:
    """Return whether users of a world race: in every fifth, and in a quarter of those the accounts
    are elsewhere.
    """
    return seed % 20 in {14, 15, 16, 17}


_RACES = 8
"""Races in a world. Most of them send a mail, which would begin another one."""


class Races:
    """Users who do two things or three at once, after a link or a button has arrived."""

    def __init__(self, users: Users, world: World) -> None:
        self._users = users
        self._has_sessions = not world.other
        self._random = world.random("races")
        self._links: dict[str, list[str]] = defaultdict(list)
        self._buttons: dict[str, list[str]] = defaultdict(list)
        self._begun = 0
        world.readers.append(self._read)

    def _read(self, mail: Accepted) -> None:
        """Begin a race about the account whose mailbox got a link or a button, perhaps with a
        session.
        """
        address = mail.email.to
        tokens = (self._links, link_in(mail.email)), (self._buttons, button_in(mail.email))
        for known, token in tokens:
            if token:
                known[address].append(token)
        if any(token for _, token in tokens) and self._begun < _RACES:
            self._begun += 1
            self._users.begin(self._race(address), self._random.uniform(1, 40))

    async def _race(self, address: str) -> None:
        deeds: list[Deed] = [partial(self._reset, token) for token in self._links[address][-2:]]
        deeds += [partial(self._press, token) for token in self._buttons[address][-1:]]
        if self._has_sessions:
            deeds += await self._with_password(address)
        apart = self._random.choice((0.02, 0.2, 1))
        for deed in self._random.sample(deeds, min(self._random.choice((2, 2, 3)), len(deeds))):
            self._users.begin(deed(), self._random.uniform(0, apart))

    async def _with_password(self, address: str) -> list[Deed]:
        """Return what a user does who knows the password: sign in, or change it in a session that
        is open by now.
        """
        typed = self._password(address)
        fields = {"email": address, "password": typed}
        sign_in = partial(self._users.call, LOGIN, fields, f"signs in as {address}")
        call = await self._users.call(
            LOGIN, fields, f"signs in as {address}, to change the password"
        )
        if not call.answer or call.status != 200:
            return [sign_in]
        cookies = call.answer.cookies

        async def change() -> None:
            change = {"currentPassword": typed, "newPassword": self._new("jqz 7wk vxp")}
            await self._users.call(
                CHANGE, change, f"changes the password of {address}", cookies=cookies
            )

        await asyncio.sleep(1)
        return [sign_in, change]

    def _password(self, address: str) -> str:
        """Return the last password that a reset of the account has set,
        as far as users were told.
        """
        for call in reversed(self._users.calls):
            fields = call.request.fields
            if (
                call.request.path == RESET
                and call.status == 200
                and fields["token"] in self._links[address]
            ):
                return str(fields["newPassword"])
        return PASSWORD

    async def _reset(self, token: str) -> None:
        fields = {"token": token, "newPassword": self._new("wqz 9jx kpv")}
        await self._users.insist(
            RESET, fields, f"sets a password with the link {token[:6]}, beside others"
        )

    async def _press(self, token: str) -> None:
        await self._users.insist(
            SECURE, {"token": token}, f"secures an account with {token[:6]}, beside others"
        )

    def _new(self, words: str) -> str:
        return f"{words} {len(self._users.calls)}"
