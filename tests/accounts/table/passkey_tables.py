"""The tables in which libraries keep passkeys, and passkeys to store in them."""

import json
import os
from typing import Any

import webauthn
from tests.spec.authenticator import Authenticator

from keyturn.accounts.passkeys import encode
from keyturn.accounts.port import Passkey, PasskeyStore
from keyturn.accounts.table.store import TableAccounts
from keyturn.database import now

ADA = "ada@northwind.test"

_FLAG = {"sqlite": "BOOLEAN", "postgresql": "boolean", "mysql": "TINYINT(1)"}
_BYTES = {"sqlite": "BLOB", "postgresql": "bytea", "mysql": "VARBINARY(1000)"}
_TIME = {"sqlite": "DATETIME", "postgresql": "timestamptz", "mysql": "TIMESTAMP(3) NULL"}
_JSON = {"sqlite": "TEXT", "postgresql": "jsonb", "mysql": "JSON"}
_KEY = {"sqlite": "INTEGER", "postgresql": "bigserial", "mysql": "BIGINT AUTO_INCREMENT"}


def tables(dialect: str) -> dict[str, str]:
    """Return the tables as the libraries' own migrations make them, one for each format."""
    flag, raw, time, document, key = (each[dialect] for each in (_FLAG, _BYTES, _TIME, _JSON, _KEY))
    return {
        "better-auth": f"""
            CREATE TABLE "passkey" ("id" VARCHAR(36) PRIMARY KEY, "name" VARCHAR(255), "publicKey" TEXT NOT NULL,
                "userId" INTEGER NOT NULL, "credentialID" VARCHAR(300) NOT NULL, "counter" INTEGER NOT NULL,
                "deviceType" VARCHAR(255) NOT NULL, "backedUp" {flag} NOT NULL, "transports" VARCHAR(255),
                "createdAt" {time}, "aaguid" VARCHAR(255))""",
        "simplewebauthn": f"""
            CREATE TABLE "passkeys" ("id" VARCHAR(300) PRIMARY KEY, "public_key" {raw} NOT NULL,
                "user_id" INTEGER NOT NULL, "webauthn_user_id" VARCHAR(200) NOT NULL, "counter" BIGINT NOT NULL,
                "device_type" VARCHAR(32) NOT NULL, "backed_up" {flag} NOT NULL, "transports" VARCHAR(255),
                "created_at" {time})""",
        "django-allauth": f"""
            CREATE TABLE "mfa_authenticator" ("id" {key} PRIMARY KEY, "type" VARCHAR(20) NOT NULL,
                "data" {document} NOT NULL, "user_id" INTEGER NOT NULL, "created_at" {time.removesuffix(" NULL")}
                NOT NULL, "last_used_at" {time})""",
    }


USERS = """
    CREATE TABLE "users" (id INTEGER PRIMARY KEY, email VARCHAR(99) NOT NULL, password_hash VARCHAR(60));
    INSERT INTO "users" VALUES (1, 'ada@northwind.test', NULL), (2, 'ida@northwind.test', 'a hash')"""

TOTP = """
    INSERT INTO "mfa_authenticator" (type, data, user_id, created_at) VALUES ('totp', '{}', 1, '2026-01-01 00:00:00')"""
"""A second factor of allauth's, in the table of its passkeys."""


def store_of(accounts: TableAccounts) -> PasskeyStore:
    assert accounts.passkeys
    return accounts.passkeys


def made(authenticator: Authenticator, account_id: str = "1", handle: bytes = b"", **changes: Any) -> Passkey:
    """Return a passkey as a registration makes it."""
    challenge = os.urandom(32)
    options = {"user": {"id": encode(handle or os.urandom(32))}, "rp": {"id": "localhost"}}
    answer = json.dumps(authenticator.create(options | {"challenge": encode(challenge)}))
    verified = webauthn.verify_registration_response(
        credential=answer,
        expected_challenge=challenge,
        expected_rp_id="localhost",
        expected_origin=authenticator.origin,
    )
    values: dict[str, Any] = {
        "id": encode(verified.credential_id),
        "account_id": account_id,
        "public_key": verified.credential_public_key,
        "handle": authenticator.handle,
        "transports": ("internal", "hybrid"),
        "aaguid": verified.aaguid,
        "name": "Firefox on Windows",
        "response": answer,
    }
    return Passkey(**values | changes)


async def add(accounts: TableAccounts, passkey: Passkey, most: int = 20) -> bool:
    store = store_of(accounts)
    return await store.transact(lambda connection: store.add(connection, passkey, now(), most))
