"""serve and worker: when they refuse to start, what they answer, how they end."""

import asyncio
import contextlib
import re
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

import httpx2
import pytest
from tests.commands.command import ADA, Keyturn
from tests.processes.serve.workers import PRODUCTION, wait_for_mail
from tests.servers.processes import running, running_program
from tests.servers.serving import held_ports

from keyturn.cli.sockets import listen
from keyturn.service.database.migrations import head

pytestmark = pytest.mark.long


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_without_its_secrets_or_on_a_database_that_was_not_migrated_nothing_is_served(
    keyturn: Keyturn, command: str
) -> None:
    refused = keyturn(command)
    names = ["KEYTURN_SECRET_KEY", "RESEND_API_KEY", "mail.from", "Run `keyturn init` to write the file."]
    assert (refused.code, [line.strip().partition(":")[0] for line in refused.err.splitlines()[1:]]) == (1, names)
    with running(command, **PRODUCTION) as unready:
        assert "run `keyturn migrate`" in unready.refusal()


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_newer_database_is_worked_with_unless_it_lacks_what_is_needed(command: str, workplace: Path) -> None:
    with closing(sqlite3.connect(workplace / ".keyturn" / "keyturn.db")) as database, database:
        database.execute("UPDATE keyturn_migrations SET version_num = '9999'")
    with running(command, "--port", "0", **PRODUCTION) as older:
        older.wait_for(f"at revision 9999, newer than {head()} of this version of Keyturn")
        older.wait_for("http://127.0.0.1:")
        assert older.end() == 0
        assert not any("Traceback" in line for line in older.said)
    with closing(sqlite3.connect(workplace / ".keyturn" / "keyturn.db")) as database, database:
        database.execute("ALTER TABLE keyturn_audit RENAME COLUMN note TO remark")
    with running(command, "--port", "0", **PRODUCTION) as older:
        assert "lacks what it needs (no such column: keyturn_audit.note): install that version" in older.refusal()


@pytest.mark.usefixtures("migrated")
def test_hashes_that_the_app_may_not_read_are_told_at_the_start(workplace: Path) -> None:
    with closing(sqlite3.connect(workplace / "app.db")) as database, database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, password TEXT)")
        database.execute(
            "INSERT INTO users VALUES (1, 'ada@northwind.test', '$argon2id$v=19$m=65536,t=3,p=4$c2Fs$aGFz')"
        )
    table = '[accounts]\nstore = "table"\n[accounts.table]\nurl = "sqlite:///app.db"\ntable = "users"\n'
    (workplace / "keyturn.toml").write_text(table + 'password = "password"\n', "utf-8")
    with running("serve", "--port", "0", **PRODUCTION, KEYTURN_SIGN_IN_URL="https://app.example.org/login") as serve:
        serve.wait_for("the table users has hashes of argon2 (argon2id), but hashing.format writes bcrypt ($2b$)")
        serve.wait_for(f"Accounts: store table (users). Settings: from {workplace / 'keyturn.toml'}")
        serve.wait_for("Mails are saved in .keyturn/mail: `keyturn studio --port 8002` shows them")
        serve.wait_for("Keyturn answers on ")
        assert serve.end() == 0


SHOP = """
from keyturn import AccountStore
class Shop(AccountStore):
    is_closed = False
    async def find(self, email):
        assert not self.is_closed, "the client has been closed"
    get = require_ready = set_password = lambda self, *_: self.find("")
    async def close(self):
        self.is_closed = True
store = lambda settings: Shop()
"""


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_store_of_an_app_is_asked_after_the_start_and_closed_at_the_end_alone(command: str, workplace: Path) -> None:
    (workplace / "shop.py").write_text(SHOP, "utf-8")
    store = {"KEYTURN_ACCOUNTS_STORE": "shop:store", "KEYTURN_SIGN_IN_URL": "https://app.example.org/login"}
    with running(command, "--port", "0", **PRODUCTION, **store, PYTHONPATH=str(workplace)) as process:
        (address,) = re.findall(r"http://[\d.:]+", process.wait_for("http://127.0.0.1:"))
        assert httpx2.get(f"{address}/health/ready").status_code == 200
        assert process.end() == 0


NO_HOST = r"cannot listen on {}:0 .*: choose another host with --host or server.host$"
NO_FILE = r"cannot listen on .*{} \(.+\): choose another file with --uds"


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        *((f"--port 0 --host {host}", NO_HOST.format(host)) for host in ("nowhere.invalid", "192.0.2.1", "a..b")),
        ("--port {taken}", "cannot listen on 127.0.0.1:{taken}.*--port"),
        ("--uds notes.txt", r"cannot listen on .*notes.txt \(Address already in use\)"),
        ("--uds missing/keyturn.sock", NO_FILE.format("keyturn.sock")),
        (f"--uds {'x' * 120}", NO_FILE.format("x")),
        ("--port 0 --workers 2", "--workers: .+ needs PostgreSQL in database.url. This is SQLite.$"),
    ],
)
def test_where_it_cannot_listen_it_says_why_in_one_sentence(words: str, why: str) -> None:
    file = Path("notes.txt")
    file.write_text("mine", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])
        with running("serve", *words.replace("{taken}", taken).split(), **PRODUCTION) as refused:
            assert re.search(why.replace("{taken}", taken), refused.refusal())
    assert file.read_text("utf-8") == "mine"


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(
    ("base", "proxies", "asked", "warns"),
    [
        pytest.param("http://127.0.0.1:9000", "", "", True, id="another port"),
        pytest.param("http://127.0.0.1:9000", "", "0", False, id="any free port"),
        pytest.param("http://localhost:9000", "127.0.0.1", "", False, id="behind a proxy"),
        pytest.param("https://localhost:9000", "", "", False, id="over https"),
        pytest.param("https://account.example.org", "", "", False, id="another host"),
    ],
)
def test_links_to_a_port_without_a_server_are_one_warning(base: str, proxies: str, asked: str, warns: bool) -> None:
    environment = PRODUCTION | {"KEYTURN_BASE_URL": base, "KEYTURN_SERVER_TRUSTED_PROXIES": proxies}
    words = ("serve", "--no-worker", "--port")
    with held_ports(1) as (held,), running(*words, asked or str(held), **environment) as serve:
        serve.wait_for("Keyturn answers on ")
        said = f"base_url is {base}, but Keyturn listens on port {held}, so links in mails will not work: "
        said += "set server.port to 9000, or correct base_url"
        assert [line for line in serve.said if "links in mails" in line] == [f"keyturn: {said}"][:warns]
        assert serve.end() == 0


@pytest.mark.usefixtures("migrated")
def test_it_listens_where_the_settings_say_and_where_the_command_line_says_otherwise(workplace: Path) -> None:
    (workplace / "keyturn.toml").write_text('[server]\nhost = "127.0.0.3"\nport = 0\n', "utf-8")
    by_variable = {"KEYTURN_SERVER_HOST": "127.0.0.4"}
    unused = {"KEYTURN_SERVER_HOST": "192.0.2.1", "KEYTURN_SERVER_PORT": "1"}
    flags = ("--host", "127.0.0.5", "--port", "0")
    for number, words, variables in ((3, (), {}), (4, (), by_variable), (5, flags, unused)):
        with running("serve", "--no-worker", *words, **variables, **PRODUCTION) as serve:
            assert serve.url.startswith(f"http://127.0.0.{number}:")


@pytest.mark.usefixtures("migrated")
def test_it_says_where_its_settings_are_from_answers_without_the_studio_and_ends_cleanly(workplace: Path) -> None:
    """Neither the studio's addresses nor its code are there."""
    with running("serve", "--port", "0", PYTHONVERBOSE="1", **PRODUCTION) as serve:
        none = f"from the environment only, because there is no {workplace / 'keyturn.toml'}"
        serve.wait_for(f"Accounts: store builtin. Settings: {none}")
        url = serve.url
        assert httpx2.get(f"{url}/health/ready").json() == {"status": "ok"}
        for path in ("/studio", "/studio/inbox", "/studio/", "/preview"):
            assert httpx2.get(f"{url}{path}").status_code == 404

        assert serve.end() == 0
        assert not any("Traceback" in line or "ERROR" in line for line in serve.said)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(url)
    imported = [line for line in serve.said if line.startswith("import 'keyturn.")]
    assert any("'keyturn.service.app'" in line for line in imported)
    assert not any("'keyturn.studio.web" in line or "'keyturn.studio.lint" in line for line in imported)


@pytest.mark.usefixtures("with_ada")
def test_a_worker_sends_what_another_process_accepted(workplace: Path) -> None:
    with running("serve", "--port", "0", "--no-worker", **PRODUCTION) as serve:
        answer = httpx2.post(f"{serve.url}/api/auth/request-password-reset", json={"email": ADA})
        assert (answer.status_code, serve.end()) == (202, 0)
    folder = workplace / ".keyturn" / "mail"
    assert not list(folder.glob("[!.]*.eml"))
    with running("worker", **PRODUCTION) as worker:
        wait_for_mail(workplace)
        assert worker.end(signal.SIGINT) == 0
    (file,) = folder.glob("[!.]*.eml")
    assert message_from_bytes(file.read_bytes())["to"] == ADA


@pytest.mark.parametrize("in_memory", ["false", "true"])
def test_a_second_process_that_would_count_in_its_own_memory_is_refused(database_url: str, in_memory: str) -> None:
    environment = PRODUCTION | {"KEYTURN_DATABASE_URL": database_url, "KEYTURN_LIMITS_IN_MEMORY": in_memory}
    has_room = in_memory == "true" or database_url.startswith("postgresql")
    words = ("serve", "--no-worker", "--port", "0")
    with running(*words, **environment) as first:
        first.wait_for("Keyturn answers on ")
        with running(*words, **environment) as second:
            if has_room:
                assert httpx2.get(f"{second.url}/health/ready").status_code == 200
            else:
                assert second.process.wait(30) == 1
                assert "limits.in_memory: another process" in "\n".join(second.said)
                assert "Traceback" not in "\n".join(second.said)
        first.process.kill()
        first.process.wait()
    with running(*words, **environment) as next_one:
        assert httpx2.get(f"{next_one.url}/health/ready").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_answer_in_two_parts_does_not_wait_for_an_acknowledgement(host: str) -> None:
    option: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        option.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listen(host, 0) as bound:
        async with await asyncio.start_server(answer, sock=bound):
            _, client = await asyncio.open_connection(*bound.getsockname()[:2])
            async with asyncio.timeout(10):
                assert await option
            client.close()


def test_every_address_of_ipv6_takes_ipv4_as_well() -> None:
    with listen("::", 0) as bound, socket.create_connection(("127.0.0.1", bound.getsockname()[1]), timeout=5):
        bound.accept()[0].close()


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(("files", "warns"), [(1024, False), (256, True)])
def test_a_low_limit_of_open_files_shuts_no_client_out(files: int, warns: bool) -> None:
    program = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}));"
        "import keyturn.cli; sys.argv = ['keyturn', 'serve', '--no-worker', '--port', '0']; keyturn.cli.main()"
    )
    words = [sys.executable, "-c", program]
    with running_program(words, None, **PRODUCTION) as serve, contextlib.ExitStack() as stack:
        place = ("127.0.0.1", int(serve.url.rpartition(":")[2]))
        for _ in range(300):
            stack.enter_context(socket.create_connection(place, timeout=20))
        for _ in range(5):
            assert httpx2.get(f"{serve.url}/health/ready", timeout=10).status_code == 200
        assert serve.end() == 0
        assert any("server.fewer_connections" in line for line in serve.said) is warns
