"""Passkeys that Keyturn has written, read by the libraries themselves: a user signs in with each."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.accounts.table.app import App, Over
from tests.accounts.table.passkey_tables import USERS, add, made, store_of, tables
from tests.adoption.packages import install_packages
from tests.programs import require_program
from tests.spec.authenticator import Authenticator

from keyturn.accounts.passkeys import encode
from keyturn.accounts.table.store import table_accounts
from keyturn.database import Database
from keyturn.settings import PasskeyTableSettings, Secret, TableSettings

pytestmark = pytest.mark.long

LIBRARIES = Path(__file__).parent / "libraries"

ROWS = {"better-auth": "SELECT * FROM passkey", "simplewebauthn": "SELECT * FROM passkeys"}


def run(command: Sequence[str], folder: Path, given: str, variables: Mapping[str, str] = os.environ) -> str:
    ran = subprocess.run(
        command, check=False, cwd=folder, env=variables, input=given, text=True, capture_output=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def node_packages(folder: Path) -> str:
    """Install the libraries beside the program; return node."""
    shutil.copytree(LIBRARIES / "node", folder, dirs_exist_ok=True)
    install_packages(folder)
    return require_program("node", "nodejs")


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize("library", ["better-auth", "simplewebauthn"])
async def test_the_node_libraries_sign_in_with_the_row(library: str, app: App, over: Over, tmp_path: Path) -> None:
    node = node_packages(tmp_path)
    await app.run(f"{USERS}; {tables('sqlite')[library]}")
    accounts = over(passkeys=PasskeyTableSettings(format=library))  # type: ignore[arg-type]
    authenticator = Authenticator()
    assert await add(accounts, made(authenticator))
    (stored,) = await app.run(ROWS[library])
    row = {column: value.hex() if isinstance(value, bytes) else value for column, value in stored._mapping.items()}
    row |= {"publicKey": row["public_key"]} if library == "simplewebauthn" else {"userId": str(row["userId"])}
    asked = {"library": library, "row": row, "credential": encode(authenticator.id), "key": authenticator.pem}
    given = json.dumps(asked | {"origin": authenticator.origin}, default=str)
    ran = run([node, "read.mjs"], tmp_path, given)
    expected = {"status": 200, "user": "1", "counter": 1} if library == "better-auth" else {"verified": True}
    assert json.loads(ran.splitlines()[-1]) == expected


async def test_django_allauth_signs_in_with_the_row(tmp_path: Path) -> None:
    shutil.copytree(LIBRARIES / "django", tmp_path, dirs_exist_ok=True)
    variables = os.environ | install_packages(tmp_path)
    file = tmp_path / "app.db"

    def allauth(what: str, given: str = "") -> str:
        return run([sys.executable, "read.py", what, str(file)], tmp_path, given, variables)

    account_id = allauth("make").strip()
    passkeys = PasskeyTableSettings(format="django-allauth")
    users = TableSettings(url=Secret(f"sqlite:///{file}"), table="auth_user", password="password", passkeys=passkeys)
    accounts = table_accounts(users, Database("sqlite://"), hash_length=60)
    await accounts.require_ready()
    authenticator = Authenticator()
    handle = store_of(accounts).handle_for(account_id)
    assert await add(accounts, made(authenticator, account_id, handle))
    await accounts.close()
    challenge = encode(os.urandom(32))
    answer = authenticator.use({"rpId": "localhost", "challenge": challenge})
    read = json.loads(allauth("read", json.dumps({"challenge": challenge, "answer": answer})))
    assert read == {"name": "Firefox on Windows", "passwordless": True, "user": int(account_id), "used": True}
