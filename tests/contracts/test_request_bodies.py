"""The bodies that the API documents, and accounts to go with them: made by polyfactory, with a
fixed seed.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from polyfactory import Use
from polyfactory.factories.msgspec_factory import MsgspecFactory
from tests.driver.routes import CHANGE, LOGIN, REQUEST, RESET, VALIDATE
from tests.driver.service import FREE, NEW_PASSWORD, Start

from keyturn import Account
from keyturn.service.api.account_security import SecurityToken
from keyturn.service.api.codes import CodeCheck
from keyturn.service.api.invitations import InvitationRequest, LinkRequest
from keyturn.service.api.schemas import (
    Credentials,
    ExpiredToken,
    NewPassword,
    PasswordChange,
    PasswordCheck,
    ResetRequest,
    Schema,
    TokenCheck,
)

pytestmark = pytest.mark.any_database

SEED = 1
EACH = 5
"""Accounts, and bodies of a schema."""

KEY = "0123456789abcdef" * 2
APP = "https://app.northwind.test"

BODIES: Mapping[str, type[Schema]] = {
    REQUEST: ResetRequest,
    VALIDATE: TokenCheck,
    RESET: NewPassword,
    "/api/auth/replace-expired-link": ExpiredToken,
    "/api/auth/check-password": PasswordCheck,
    "/api/auth/verify-reset-code": CodeCheck,
    "/api/auth/secure-account": SecurityToken,
    "/api/auth/invitations": InvitationRequest,
    "/api/auth/links": LinkRequest,
    LOGIN: Credentials,
    CHANGE: PasswordChange,
}

MEANT: Mapping[str, Any] = {
    "return_to": f"{APP}/course",
    "password": NEW_PASSWORD,
    "new_password": NEW_PASSWORD,
    "confirm_password": NEW_PASSWORD,
}
"""What types do not tell: an address of the app's own, and one password that is typed twice."""


class AccountFactory(MsgspecFactory[Account]):
    """Makes accounts that await their first password."""

    __random_seed__ = SEED

    email = Use(lambda: f"{AccountFactory.__faker__.unique.user_name()}@northwind.test")
    name = Use(
        lambda: f"{AccountFactory.__faker__.first_name()} {AccountFactory.__faker__.last_name()}"
    )
    active = True
    awaits_password = True
    has_password = False
    provider = ""
    kind = ""
    locale = Use(lambda: AccountFactory.__random__.choice(["", "de", "pt-BR", "ja"]))
    timezone = Use(lambda: AccountFactory.__random__.choice(["", "Europe/Berlin", "Asia/Tokyo"]))
    locked = False


def bodies_of(schema: type[Schema], accounts: list[Account]) -> list[Any]:
    """Return valid bodies of a schema, as JSON has them, for accounts that exist."""
    fields: dict[str, Any] = {"__model__": schema, "__random_seed__": SEED}
    fields |= {name: value for name, value in MEANT.items() if name in schema.__struct_fields__}
    factory: Any = type(f"{schema.__name__}Factory", (MsgspecFactory,), fields)
    bodies = []
    for account in accounts:
        known: dict[str, Any] = {}
        if "email" in schema.__struct_fields__:
            known["email"] = account.email
        if schema is CodeCheck:
            known["code"] = f"{factory.__random__.randrange(10**8):08}"
        bodies.append(msgspec.to_builtins(factory.build(**known)))
    return bodies


@pytest.mark.parametrize("path", BODIES)
async def test_valid_bodies(start: Start, path: str) -> None:
    """A body of the documented schema is read, whatever becomes of the request."""
    accounts = AccountFactory.batch(EACH)
    service = await start(
        people={
            one.email: {
                "name": one.name,
                "awaits_password": True,
                "locale": one.locale,
                "timezone": one.timezone,
            }
            for one in accounts
        },
        limits=FREE | {"request": "1000/minute", "client": "1000/minute"},
        token={"code": True},
        invitations={"service_key": KEY, "link_key": KEY},
        return_origins=[APP],
    )
    client = service.anywhere()
    for body in bodies_of(BODIES[path], accounts):
        answer = await client.post(path, json=body, headers={"Authorization": f"Bearer {KEY}"})

        assert answer.status_code < 500, body
        assert not answer.json().get("type", "").endswith(":invalid-input"), (body, answer.text)
