"""serve and worker: when they refuse to start, what they answer, how they end."""

import contextlib
import re
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from tests.commands.command import Keyturn
from tests.processes.serve.workers import PRODUCTION
from tests.servers.processes import running, running_program
from tests.servers.serving import held_ports

from keyturn.cli.sockets import listen
from keyturn.service.database.migrations import head

pytestmark = pytest.mark.long


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_without_its_secrets_or_a_migrated_database_nothing_is_served(
    keyturn: Keyturn, command: str
) -> None:
    refused = keyturn(command)
    names = [
        "KEYTURN_SECRET_KEY",
        "mail.from",
        "RESEND_API_KEY",
        "Run `keyturn init` to write the file.",
    ]
    assert (
        refused.code,
        [line.strip().partition(":")[0] for line in refused.err.splitlines()[1:]],
    ) == (1, names)
    assert "run `keyturn migrate`" in keyturn(command, **PRODUCTION).err


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_newer_database_is_worked_with_unless_it_lacks_what_is_needed(
    migrated: Keyturn, command: str, workplace: Path
) -> None:
    with closing(sqlite3.connect(workplace / ".keyturn" / "keyturn.db")) as database, database:
        database.execute("UPDATE keyturn_migrations SET version_num = '9999'")
    with running(command, "--port", "0", **PRODUCTION) as older:
        older.wait_for(f"at revision 9999, newer than {head()} of this version of Keyturn")
        older.wait_for("http://127.0.0.1:")
        assert older.end() == 0
        assert not any("Traceback" in line for line in older.said)
    with closing(sqlite3.connect(workplace / ".keyturn" / "keyturn.db")) as database, database:
        database.execute("ALTER TABLE keyturn_audit RENAME COLUMN note TO remark")
    refused = migrated(command, "--port", "0", **PRODUCTION).err
    assert (
        "lacks what it needs (no such column: keyturn_audit.note): install that version" in refused
    )


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("variables", [
    {"WEB_CONCURRENCY": "auto"},
    {"PYTHONTZPATH": "", "KEYTURN_TIMEZONE": "Europe/Berlin"},
], ids=["platform", "no zones"])  # fmt: skip
def test_odd_environments(variables: dict[str, str]) -> None:
    """A platform's WEB_CONCURRENCY is not read, and a machine without time zones has all of
    them.
    """
    with running("serve", "--port", "0", **PRODUCTION, **variables) as serve:
        serve.wait_for("Keyturn answers on ")
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_hashes_that_the_app_may_not_read_are_told_at_the_start(workplace: Path) -> None:
    with closing(sqlite3.connect(workplace / "app.db")) as database, database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password TEXT)")
        database.execute(
            "INSERT INTO users VALUES (1, 'ada@northwind.test', "
            "'$argon2id$v=19$m=65536,t=3,p=4$c2Fs$aGFz')"
        )
    table = (
        '[accounts]\nstore = "table"\n[accounts.table]\nurl = "sqlite:///app.db"\ntable = "users"\n'
    )
    (workplace / "keyturn.toml").write_text(table + 'password = "password"\n', "utf-8")
    with running(
        "serve", "--port", "0", **PRODUCTION, KEYTURN_SIGN_IN_URL="https://app.example.org/login"
    ) as serve:
        serve.wait_for(
            "the table users has hashes of argon2 (argon2id), but hashing.format writes bcrypt "
            "($2b$)"
        )
        serve.wait_for(
            f"Accounts: store table (users). Settings: from {workplace / 'keyturn.toml'}"
        )
        serve.wait_for("Emails are saved in .keyturn/mail: `keyturn studio --port 8002` shows them")
        serve.wait_for("Keyturn answers on ")
        assert serve.end() == 0


SHOP = """
import sys
from keyturn import AccountStore
class Shop(AccountStore):
    is_closed = False
    async def find(self, email):
        assert not self.is_closed, "the client has been closed"
    get = require_ready = set_password = lambda self, *_: self.find("")
    async def close(self):
        self.is_closed = True
        print("the shop is closed", file=sys.stderr)
store = lambda settings: Shop()
"""


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("command", ["serve --no-worker", "worker"])
def test_a_store_of_an_app_is_asked_after_the_start_and_closed_at_the_end_alone(
    command: str, workplace: Path
) -> None:
    (workplace / "shop.py").write_text(SHOP, "utf-8")
    store = {
        "KEYTURN_ACCOUNTS_STORE": "shop:store",
        "KEYTURN_SIGN_IN_URL": "https://app.example.org/login",
    }
    with running(
        *command.split(), "--port", "0", **PRODUCTION, **store, PYTHONPATH=str(workplace)
    ) as running_one:
        address = running_one.wait_for("http://127.0.0.1:").partition("//")[2].partition("/")[0]
        assert httpx2.get(f"http://{address}/health/ready", timeout=30).status_code == 200
        before = running_one.said.count(
            "the shop is closed"
        )  # by `serve`, after a look before it started
        assert running_one.end() == 0
        assert running_one.said.count("the shop is closed") == before + 1


NO_HOST = r"cannot listen on {}:0 .*: choose another host with --host or server.host$"
NO_FILE = r"cannot listen on .*{} \(.+\): choose another file with --uds"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        *(
            (f"--port 0 --host {host}", NO_HOST.format(host))
            for host in ("nowhere.invalid", "192.0.2.1", "a..b")
        ),
        ("--port {taken}", "cannot listen on 127.0.0.1:{taken}.*--port"),
        ("--uds notes.txt", r"cannot listen on .*notes.txt \(Address already in use\)"),
        ("--uds missing/keyturn.sock", NO_FILE.format("keyturn.sock")),
        (f"--uds {'x' * 120}", NO_FILE.format("x")),
    ],
)
def test_where_it_cannot_listen_it_says_why_in_one_sentence(
    migrated: Keyturn, words: str, why: str
) -> None:
    file = Path("notes.txt")
    file.write_text("mine", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])
        refused = migrated("serve", *words.replace("{taken}", taken).split(), **PRODUCTION)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert re.search(why.replace("{taken}", taken), refused.err)
    assert file.read_text("utf-8") == "mine"


WARNED = "links in emails will not work: set server.port to 9000, or correct base_url"
HELD, NOT_HERE = (
    ("--port", "{held}"),
    {"KEYTURN_SERVER_HOST": "192.0.2.1", "KEYTURN_SERVER_PORT": "1"},
)
PROXY = {"KEYTURN_SERVER_TRUSTED_PROXIES": "127.0.0.1"}


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(
    ("words", "host", "base", "more", "warns"),
    [
        (HELD, "127.0.0.1", "http://127.0.0.1:9000", {"KEYTURN_SERVER_HOST": "127.0.0.1"}, True),
        ((), "127.0.0.3", "http://127.0.0.1:9000", {}, False),
        (("--host", "127.0.0.1", *HELD), "127.0.0.1", "http://localhost:9000", PROXY, False),
        (
            ("--host", "127.0.0.1", *HELD),
            "127.0.0.1",
            "https://account.example.org",
            NOT_HERE,
            False,
        ),
    ],
    ids=["another port", "any free port", "behind a proxy", "another host"],
)
def test_it_listens_where_it_is_told_and_warns_of_links_to_a_port_without_a_server(
    workplace: Path, words: tuple[str, ...], host: str, base: str, more: dict[str, str], warns: bool
) -> None:
    (workplace / "keyturn.toml").write_text('[server]\nhost = "127.0.0.3"\nport = 0\n', "utf-8")
    with held_ports(1) as (held,):
        words = tuple(word.format(held=held) for word in words)
        with running(
            "serve", "--no-worker", *words, **PRODUCTION, **more, KEYTURN_BASE_URL=base
        ) as serve:
            assert serve.url.startswith(f"http://{host}:{held if words else ''}")
            warning = (
                f"keyturn: base_url is {base}, but Keyturn listens on port {held}, so {WARNED}"
            )
            assert [line for line in serve.said if "links in emails" in line] == [warning][:warns]


@pytest.mark.usefixtures("migrated")
def test_links_below_a_path_without_a_proxy() -> None:
    """A local base_url with a path is told at the start: without a proxy, nothing answers there."""
    with running(
        "serve",
        "--no-worker",
        "--port",
        "0",
        **PRODUCTION,
        KEYTURN_BASE_URL="http://127.0.0.1:9/account",
    ) as serve:
        serve.wait_for("remove /account from base_url, or let a proxy forward it without /account")
        assert serve.get("/forgot-password").status_code == 200


@pytest.mark.usefixtures("migrated")
def test_it_says_where_its_settings_are_from_answers_without_the_studio_and_ends_cleanly(
    workplace: Path,
) -> None:
    with running("serve", "--port", "0", PYTHONVERBOSE="1", **PRODUCTION) as serve:
        none = f"from the environment only, because there is no {workplace / 'keyturn.toml'}"
        serve.wait_for(f"Accounts: store builtin. Settings: {none}")
        url = serve.url
        assert serve.get("/health/ready").json() == {"status": "ok"}
        for path in ("/studio", "/studio/inbox", "/studio/", "/preview"):
            assert serve.get(path).status_code == 404

        assert serve.end() == 0
        assert not any("Traceback" in line or "ERROR" in line for line in serve.said)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(url)
    imported = [line for line in serve.said if line.startswith("import 'keyturn.")]
    assert any("'keyturn.service.app'" in line for line in imported)
    assert not any(
        "'keyturn.studio.web" in line or "'keyturn.studio.lint" in line for line in imported
    )


COUNTS = [("sqlite", "false"), ("sqlite", "true"), ("postgresql", "false")]


@pytest.mark.parametrize(("databases", "in_memory"), COUNTS, indirect=["databases"])
def test_a_second_process_that_would_count_in_its_own_memory_is_refused(
    keyturn: Keyturn, database_url: str, in_memory: str
) -> None:
    environment = PRODUCTION | {
        "KEYTURN_DATABASE_URL": database_url,
        "KEYTURN_LIMITS_IN_MEMORY": in_memory,
    }
    words = ("serve", "--no-worker", "--port", "0")
    with running(*words, **environment) as first:
        first.wait_for("Keyturn answers on ")
        if in_memory == "false" and database_url.startswith("sqlite"):
            refused = keyturn(*words, **environment)
            assert (refused.code, "limits.in_memory: another process" in refused.err) == (1, True)
            assert "Traceback" not in refused.err
            first.process.kill()
            first.process.wait()
        with running(*words, **environment) as next_one:
            assert next_one.get("/health/ready").status_code == 200


def test_answers_wait_for_no_acknowledgement_and_every_address_of_ipv6_takes_ipv4_as_well() -> None:
    for host in ("127.0.0.1", "::1"):
        with listen(host, 0) as bound:
            assert bound.proto == socket.IPPROTO_TCP, "else asyncio does not set TCP_NODELAY"
    with (
        listen("::", 0) as bound,
        socket.create_connection(("127.0.0.1", bound.getsockname()[1]), timeout=20),
    ):
        bound.accept()[0].close()


@pytest.mark.usefixtures("migrated")
def test_a_low_limit_of_open_files_shuts_no_client_out() -> None:
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256));"
        "import keyturn.cli; sys.argv = ['keyturn', 'serve', '--no-worker', '--port', '0']; "
        "keyturn.cli.main()"
    )
    words = [sys.executable, "-c", program]
    with running_program(words, None, **PRODUCTION) as serve, contextlib.ExitStack() as stack:
        place = ("127.0.0.1", int(serve.url.rpartition(":")[2]))
        for _ in range(300):
            stack.enter_context(socket.create_connection(place, timeout=20))
        for _ in range(5):
            assert serve.get("/health/ready").status_code == 200
        assert serve.end() == 0
        assert any("server.fewer_connections" in line for line in serve.said)
