"""`keyturn serve --no-worker`, in production and without limits that anybody would reach.

With `--with-worker` before the rest it is `keyturn serve` as it comes, but for the mails, which stay here as files.
With `--beside` it is one process more, on a database that has all already.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
from sqlalchemy import insert

from benchmarks.load.messages import Request
from benchmarks.peers import COST, LINKS, NEW_PASSWORD, PASSWORD, email_of, unknown, write_requests
from keyturn.accounts.models import AccountRow
from keyturn.database import Database, now
from keyturn.database.migrations import migrate
from keyturn.reset.passwords.hasher import PasswordHasher
from keyturn.reset.records import tokens
from keyturn.reset.records.models import ResetTokenRow
from keyturn.settings import HashingSettings

_API = "/api/auth"
_UNLIMITED = "100000/second"
_AT_ONCE = 1000


def environment(url: str) -> Mapping[str, str]:
    """Return the settings: the defaults, but for the limits of clients."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("KEYTURN_")}
    limits = ("REQUEST", "VALIDATE", "RESET", "LOGIN", "ACCOUNT", "OVERALL")
    return {
        **kept,
        **{f"KEYTURN_LIMITS_{name}": _UNLIMITED for name in limits},
        "KEYTURN_LIMITS_STORAGE_URL": "memory://",
        "KEYTURN_SECRET_KEY": "0123456789abcdef" * 4,
        "KEYTURN_DATABASE_URL": url,
        "KEYTURN_MAIL_FROM": "Northwind School <no-reply@northwind.example>",
        "KEYTURN_HASHING_COST": str(COST),
        "KEYTURN_HASHING_QUEUE": "1000",
        "KEYTURN_PASSWORD_BLOCK_CURRENT": "false",  # a hash more for each reset, which no peer makes
        "RESEND_API_KEY": "re_nobody_is_asked",
    }


async def prepare(folder: Path, url: str, count: int) -> None:
    """Migrate, add accounts and links that work, and write down what is asked."""
    links = [tokens.mint(os.urandom) for _ in range(min(count, LINKS))]
    database = Database(url)
    await migrate(database)
    await _add_accounts(database, count)
    async with database.transaction() as session:
        rows = [
            {
                "digest": tokens.digest(token), "account_id": f"reset{number}", "email": _reset_email(number),
                "ip_address": "127.0.0.1", "user_agent": "", "created_at": now(),
                "expires_at": now() + timedelta(days=1),
            }
            for number, token in enumerate(links)
        ]  # fmt: skip
        await session.execute(insert(ResetTokenRow), rows)
        await session.commit()
    await database.close()
    write_requests(
        folder,
        known=(_post("request-password-reset", email=email_of(number)) for number in range(count)),
        unknown=(_post("request-password-reset", email=unknown(number)) for number in range(count)),
        validate=(_post("validate-reset-token", token=token) for token in links),
        reset=(_post("reset-password", token=token, password=NEW_PASSWORD) for token in links),
        login=(_post("login", email=email_of(number), password=PASSWORD) for number in range(count)),
    )


async def _add_accounts(database: Database, count: int) -> None:
    hasher = PasswordHasher(HashingSettings(cost=COST))
    hashed = await hasher.hash(PASSWORD)
    hasher.close()
    people = {f"person{number}": email_of(number) for number in range(count)}
    people |= {f"reset{number}": _reset_email(number) for number in range(min(count, LINKS))}
    rows = [
        {
            "id": name, "email": email, "name": "", "password_hash": hashed, "provider": "", "kind": "",
            "locale": "", "active": True, "created_at": now(),
        }
        for name, email in people.items()
    ]  # fmt: skip
    async with database.transaction() as session:
        for first in range(0, len(rows), _AT_ONCE):
            await session.execute(insert(AccountRow), rows[first : first + _AT_ONCE])
        await session.commit()


def _reset_email(number: int) -> str:
    return f"reset{number}@example.test"


def _post(path: str, **body: str) -> Request:
    return Request(path=f"{_API}/{path}", body=msgspec.json.encode(body).decode())


if __name__ == "__main__":
    *flag, here, address, accounts = sys.argv[1:]
    if flag != ["--beside"]:
        asyncio.run(prepare(Path(here), address, int(accounts)))
    alone = flag != ["--with-worker"]
    command = [sys.executable, "-m", "keyturn", "serve", *["--no-worker"] * alone, "--port", "0"]
    os.chdir(here)
    mail = {} if alone else {"KEYTURN_MAIL_TRANSPORT": "capture"}
    os.execve(sys.executable, command, {**environment(address), **mail})  # noqa: S606 - no shell is the point
