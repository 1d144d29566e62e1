"""Somebody with a second factor, as the tests have one: the app on the phone is pyotp."""

from base64 import b32encode
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Literal

import httpx2
import pyotp
from tests.driver.service import ADA, NEW_PASSWORD, RESET, Service

from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.container import Container
from keyturn.service.one_time_secrets import Purpose

SEED = b"a seed of 160 bits.."
BUILTIN = {"source": "builtin"}
STEP = timedelta(seconds=30)


def code_of(seed: bytes = SEED, later: timedelta = timedelta(0)) -> str:
    """Return what an authenticator app shows now, or a little earlier or later."""
    return pyotp.TOTP(b32encode(seed).decode()).at(now() + later)


def wrong_code(seed: bytes = SEED) -> str:
    """Return a code that is none of those which an app shows about now."""
    near = {code_of(seed, STEP * steps) for steps in range(-3, 4)}
    return next(code for code in (f"{number:06}" for number in range(1000)) if code not in near)


class KeptFactors:
    """The factors that a service keeps, set without an operator's command and its mail."""

    def __init__(self, container: Container) -> None:
        self._stored = container.second_step.builtin if container.second_step else None
        self._database = container.database

    async def set_seed(self, account_id: str, seed: bytes) -> None:
        await self._set(account_id, Purpose.TOTP, seed)

    async def set_phone(self, account_id: str, phone: str) -> None:
        await self._set(account_id, Purpose.PHONE, phone.encode())

    async def _set(
        self, account_id: str, kind: Literal[Purpose.TOTP, Purpose.PHONE], factor: bytes
    ) -> None:
        assert self._stored
        await self._database.transact(
            partial(self._stored.set, account_id=account_id, kind=kind, factor=factor)
        )

    async def mint_codes(self, account_id: str) -> Sequence[str]:
        from keyturn.service.reset.proofs.second_step.recovery_codes import renew_recovery_codes

        return await self._database.transact(partial(renew_recovery_codes, account_id=account_id))


def builtin_factors(service: Service) -> KeptFactors:
    return KeptFactors(service.container)


async def account_of(service: Service, email: str = ADA) -> Account:
    account = await service.container.accounts.find(email)
    assert account is not None
    return account


async def enrol(service: Service, email: str = ADA, seed: bytes = SEED) -> Account:
    account = await account_of(service, email)
    await builtin_factors(service).set_seed(account.id, seed)
    return account


async def reset_with(
    service: Service,
    token: str,
    method: str = "",
    code: str = "",
    password: str = NEW_PASSWORD,
    **fields: Any,
) -> httpx2.Response:
    """Send a new password with a link, and with an answer to the second step where `method` says of
    what.
    """
    answer = {"secondStep": {"method": method, "code": code}} if method else {}
    return await service.anywhere().post(
        RESET, json={"token": token, "newPassword": password, **answer, **fields}
    )
