"""Different calls about one account at once: a reset beside another one, a change, a sign-in, or a press.

Only some worlds have them, and their random numbers are a stream of their own, so all other seeds keep their stories.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from tests.driver.journal import PASSWORD
from tests.worlds.simulation.provider import Accepted
from tests.worlds.simulation.users import CHANGE, LOGIN, RESET, SECURE, Users, button_in, link_in
from tests.worlds.simulation.world import World

Deed = Callable[[], Coroutine[Any, Any, object]]


def has_races(seed: int) -> bool:
    """Return whether users of a world race: in every fifth, and in a quarter of those the accounts are elsewhere."""
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
        """Begin a race about the account whose mailbox got a link or a button, perhaps with a session."""
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
        """Return what a user does who knows the password: sign in, or change it in a session that is open by now."""
        typed = self._password(address)
        fields = {"email": address, "password": typed}
        sign_in = partial(self._users.call, LOGIN, fields, f"signs in as {address}")
        call = await self._users.call(LOGIN, fields, f"signs in as {address}, to change the password")
        if not call.answer or call.status != 200:
            return [sign_in]
        cookies = call.answer.cookies

        async def change() -> None:
            change = {"currentPassword": typed, "newPassword": self._new("jqz 7wk vxp")}
            await self._users.call(CHANGE, change, f"changes the password of {address}", cookies=cookies)

        await asyncio.sleep(1)
        return [sign_in, change]

    def _password(self, address: str) -> str:
        """Return the last password that a reset of the account has set, as far as users were told."""
        for call in reversed(self._users.calls):
            fields = call.request.fields
            if call.request.path == RESET and call.status == 200 and fields["token"] in self._links[address]:
                return str(fields["newPassword"])
        return PASSWORD

    async def _reset(self, token: str) -> None:
        fields = {"token": token, "newPassword": self._new("wqz 9jx kpv")}
        await self._users.insist(RESET, fields, f"sets a password with the link {token[:6]}, beside others")

    async def _press(self, token: str) -> None:
        await self._users.insist(SECURE, {"token": token}, f"secures an account with {token[:6]}, beside others")

    def _new(self, words: str) -> str:
        return f"{words} {len(self._users.calls)}"
