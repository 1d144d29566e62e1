"""`keyturn init` on the servers that apps have: a real PostgreSQL and a real MariaDB."""

from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.commands.init.apps import READY, TEXTS, executed
from tests.servers.databases import PostgresServer
from tests.servers.mariadb import MariadbServer

from keyturn.service.settings import Settings
from keyturn.service.settings.reading import read_settings

pytestmark = pytest.mark.long


def read(**variables: str) -> Settings:
    return read_settings(Path("keyturn.toml"), READY | variables)


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
def test_a_table_in_the_search_path_is_meant(keyturn: Keyturn, postgresql: PostgresServer, schema: str) -> None:
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
    executed(url, "CREATE TABLE users (id int PRIMARY KEY, email varchar(99), password varchar(128))")
    executed(url, "CREATE OR REPLACE USER app@localhost IDENTIFIED BY 'hunter2';\nGRANT ALL ON *.* TO app@localhost")
    address = url.replace("mysql://root@", "mysql://app:hunter2@")
    ended = keyturn("init", "--database", address, *TEXTS)

    assert ended.code == 0, ended.err
    assert "hunter2" not in ended.out + Path("keyturn.toml").read_text()
    assert "export DATABASE_URL=mysql://..." in ended.out
    table = read(DATABASE_URL=address).accounts.table
    assert (table.url, table.table) == (address, "users")
    refused = keyturn("init", "--database", address, *TEXTS, "--together", "--force")
    assert refused.err == "keyturn: --together: Keyturn's tables need SQLite or PostgreSQL: leave the flag out\n"
    mariadb.drop(url)
