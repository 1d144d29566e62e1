"""`keyturn serve --no-worker` in production, with limits far above the load.

Two flags may stand before the other arguments. `--over-table` keeps the accounts in a table of an
app in the same database, instead of Keyturn's own. `--in-memory` counts limits in this process
alone, instead of in the database. A file of requests for `reset` is for the soak.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Executable, insert, text

from benchmarks.load.messages import Request
from benchmarks.peers import COST, LINKS, NEW_PASSWORD, PASSWORD, email_of, unknown, write_requests
from keyturn.service import one_time_secrets
from keyturn.service.accounts.builtin import AccountRow
from keyturn.service.accounts.port import Account
from keyturn.service.clock import now
from keyturn.service.database import Database
from keyturn.service.database.migrations import migrate
from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.reset.records.links import mint_link
from keyturn.service.settings import HashingSettings

_API = "/api/auth"
_UNLIMITED = "100000/second"
_TABLE = (
    "CREATE TABLE users (id VARCHAR(36) PRIMARY KEY, email VARCHAR(320), password_hash VARCHAR(80))"
)
_INDEX = "CREATE UNIQUE INDEX users_by_email ON users (lower(email))"

_OVER_TABLE = {
    "KEYTURN_ACCOUNTS_STORE": "table",
    "KEYTURN_ACCOUNTS_TABLE_TABLE": "users",
    "KEYTURN_SIGN_IN_URL": "https://northwind.example/login",
}

ENVIRONMENT = "environment.json"
"""The file with the server's settings, which its workers read."""


def environment(
    url: str, *, over_table: bool = False, in_memory: bool = False
) -> Mapping[str, str]:
    """Return the settings: the defaults, with client limits that are never reached."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("KEYTURN_")}
    limits = ("REQUEST", "CLIENT", "LOGIN", "ACCOUNT", "OVERALL")
    return {
        **kept,
        **{f"KEYTURN_LIMITS_{name}": _UNLIMITED for name in limits},
        "KEYTURN_LIMITS_IN_MEMORY": "true" if in_memory else "false",
        "KEYTURN_SECRET_KEY": "0123456789abcdef" * 4,
        "KEYTURN_DATABASE_URL": url,
        "KEYTURN_MAIL_FROM": "Northwind School <no-reply@northwind.example>",
        "KEYTURN_HASHING_COST": str(COST),
        "KEYTURN_HASHING_QUEUE": "1000",
        "RESEND_API_KEY": "re_nobody_is_asked",
        **(_OVER_TABLE if over_table else {}),
    }


async def prepare(folder: Path, url: str, count: int, *, over_table: bool = False) -> None:
    """Migrate, add accounts and working links, and write the files of requests."""
    links = dict(_link(number) for number in range(min(count, LINKS)))
    database = Database(url)
    await migrate(database)
    await _add_accounts(database, count, over_table=over_table)

    stored = [one_time_secrets.ToStore(link) for link in links.values()]
    await database.transact(lambda connection: one_time_secrets.add(connection, stored))
    await database.close()
    write_requests(
        folder,
        known=(_post("request-password-reset", email=email_of(number)) for number in range(count)),
        unknown=(_post("request-password-reset", email=unknown(number)) for number in range(count)),
        validate=(_post("validate-reset-token", token=token) for token in links),
        reset=(_post("reset-password", token=token, password=NEW_PASSWORD) for token in links),
    )


def _link(number: int) -> tuple[str, one_time_secrets.OneTimeSecret]:
    account, moment = Account(id=f"reset{number}", email=_reset_email(number)), now()
    return mint_link(account, one_time_secrets.Purpose.RESET, moment, moment + timedelta(days=1))


async def _add_accounts(database: Database, count: int, *, over_table: bool) -> None:
    hasher = PasswordHasher(HashingSettings(cost=COST))
    hashed = await hasher.hash(PASSWORD)
    hasher.close()
    people = {f"person{number}": email_of(number) for number in range(count)}
    people |= {f"reset{number}": _reset_email(number) for number in range(min(count, LINKS))}
    rows = [
        {
            "id": name,
            "email": email,
            "name": "",
            "password_hash": hashed,
            "provider": "",
            "kind": "",
            "locale": "",
            "active": True,
            "created_at": now(),
        }
        for name, email in people.items()
    ]

    def write(connection: Connection) -> None:
        added: Executable = insert(AccountRow)
        if over_table:
            for statement in (_TABLE, _INDEX):
                connection.execute(text(statement))
            added = text("INSERT INTO users VALUES (:id, :email, :password_hash)")
        connection.execute(added, rows)

    await database.transact(write)


def _reset_email(number: int) -> str:
    return f"reset{number}@example.test"


def _post(path: str, **body: str) -> Request:
    return Request(path=f"{_API}/{path}", body=msgspec.json.encode(body).decode())


if __name__ == "__main__":
    *flags, here, address, accounts = sys.argv[1:]
    over_table = "--over-table" in flags
    given = environment(address, over_table=over_table, in_memory="--in-memory" in flags)
    ours = {name: text for name, text in given.items() if os.environ.get(name) != text}
    (Path(here) / ENVIRONMENT).write_bytes(msgspec.json.encode(ours))
    asyncio.run(prepare(Path(here), address, int(accounts), over_table=over_table))
    os.chdir(here)
    command = [sys.executable, "-m", "keyturn", "serve", "--no-worker", "--port", "0"]
    os.execve(sys.executable, command, given)  # noqa: S606 - no shell is needed
