"""`keyturn init` on the servers that apps have: a real PostgreSQL and a real MariaDB."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.cli.apps import READY, TEXTS
from tests.cli.command import Keyturn
from tests.databases import PostgresServer
from tests.mariadb_server import MariadbServer

from keyturn.service.accounts.table.app_database import AppDatabase
from keyturn.service.settings import Settings
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long


PRISMA_APP = """
CREATE SCHEMA auth;
CREATE TABLE auth.audit_log (id bigint PRIMARY KEY, email text);
CREATE TABLE "User" (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "Email" text UNIQUE, "hashedPassword" text, "authProvider" text,
  "preferredLanguage" text, "isActive" boolean, "tempPassword" text, "passwordChangedAt" timestamptz,
  "lastPasswordChange" bigint, "pwChanged" bigint
);
CREATE TABLE auth.refresh_tokens (token text PRIMARY KEY, owner uuid REFERENCES "User" (id));
CREATE TABLE "PasswordResetToken" (id bigint PRIMARY KEY, "userId" uuid);
INSERT INTO "User" ("Email", "hashedPassword", "pwChanged") VALUES
  ('ada@northwind.example', '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 1763628402);
"""

DJANGO_APP = """
CREATE TABLE auth_user (
  id int AUTO_INCREMENT PRIMARY KEY, email varchar(254) UNIQUE, password varchar(128), first_name varchar(150),
  is_active tinyint(1) NOT NULL, password_expired tinyint(1) NOT NULL DEFAULT 0
);
CREATE TABLE remember_me (
  selector varchar(40) PRIMARY KEY, account_id int, FOREIGN KEY (account_id) REFERENCES auth_user (id)
);
INSERT INTO auth_user (email, password, is_active) VALUES
  ('ada@northwind.example', 'pbkdf2_sha256$1000$salt$aGFzaA==', 1);
CREATE OR REPLACE USER app@localhost IDENTIFIED BY 'hunter2';
GRANT ALL ON *.* TO app@localhost;
"""


def executed(url: str, script: str) -> None:
    async def work() -> None:
        elsewhere = AppDatabase(url)

        def write(connection: Connection) -> None:
            for statement in script.strip().split(";\n"):
                connection.exec_driver_sql(statement.rstrip(";"))

        await elsewhere.transact(write)
        await elsewhere.close()

    asyncio.run(work())


def read(**variables: str) -> Settings:
    return read_settings(Path("keyturn.toml"), READY | variables)


def test_postgresql_with_names_that_need_quotes_and_other_schemas(keyturn: Keyturn, postgresql: PostgresServer) -> None:
    url = postgresql.empty()
    executed(url, PRISMA_APP)
    ended = keyturn("init", "--database", url, *TEXTS, "--together")

    assert ended.code == 0, ended.err
    settings = read()
    table = settings.accounts.table
    assert (table.table, table.email, table.password, table.active) == ("User", "Email", "hashedPassword", "isActive")
    assert (table.provider, table.locale, table.url) == ("authProvider", "preferredLanguage", "")
    assert table.set == {
        "tempPassword": "{null}",
        "passwordChangedAt": "{now}",
        "lastPasswordChange": "{now_ms}",
        "pwChanged": "{now}",
    }
    assert table.delete == ("PasswordResetToken.userId", "auth.refresh_tokens.owner")
    assert (settings.database.url, settings.hashing.format) == (url, "bcrypt")
    postgresql.drop(url)


TENANTS = """
CREATE SCHEMA tenant_a;
CREATE TABLE public.users (id bigint PRIMARY KEY, email text UNIQUE, password_hash text);
CREATE TABLE tenant_a.users (id bigint PRIMARY KEY, email text UNIQUE, password_hash text);
CREATE TABLE tenant_a.sessions (id bigint PRIMARY KEY, user_id bigint);
CREATE TABLE public.sessions (id bigint PRIMARY KEY, user_id bigint);
CREATE TABLE public.password_resets (email text, token text);
INSERT INTO public.users VALUES (1, 'ada@northwind.example', 'x');
INSERT INTO tenant_a.users VALUES (1, 'ada@northwind.example', '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8U')
"""


@pytest.mark.parametrize("schema", ["tenant_a", "public"])
def test_a_table_in_the_search_path_is_the_one_that_is_meant(
    keyturn: Keyturn, postgresql: PostgresServer, schema: str
) -> None:
    url = postgresql.empty()
    executed(url, TENANTS)
    address = f"{url}&options=-csearch_path%3D{schema}"
    ended = keyturn("init", "--database", address, *TEXTS, "--together")

    assert ended.code == 0, ended.err
    assert ("password_resets" in ended.out) is (schema == "public")
    settings = read()
    assert (settings.accounts.table.table, settings.accounts.table.delete) == ("users", ("sessions.user_id",))
    postgresql.drop(url)


def test_mariadb_whose_address_holds_a_password(keyturn: Keyturn, mariadb: MariadbServer) -> None:
    url = mariadb.empty()
    executed(url, DJANGO_APP)
    address = url.replace("mysql://root@", "mysql://app:hunter2@")
    ended = keyturn("init", "--database", address, *TEXTS)

    assert ended.code == 0, ended.err
    assert "hunter2" not in ended.out + Path("keyturn.toml").read_text()
    assert "export DATABASE_URL=mysql://..." in ended.out
    settings = read(DATABASE_URL=address)
    table = settings.accounts.table
    assert (table.url, table.table, table.id, table.password) == (address, "auth_user", "id", "password")
    assert (table.name, table.active, table.set) == ("first_name", "is_active", {"password_expired": False})
    assert (table.delete, settings.hashing.format) == (("remember_me.account_id",), "django-pbkdf2")
    refused = keyturn("init", "--database", address, *TEXTS, "--together", "--force")
    assert refused.err == "keyturn: --together: Keyturn's tables need SQLite or PostgreSQL: leave the flag out\n"
    mariadb.drop(url)
