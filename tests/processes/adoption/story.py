"""An app is adopted as its guide says, and one of its people resets a password: the same story for
every stack.
"""

import os
import re
import secrets
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from tests.driver.inbox import token_in_file
from tests.packages import install_packages
from tests.servers.processes import KEYTURN, Running, output_of, running_program
from tests.servers.serving import held_ports

DOCS = Path(__file__).parents[3] / "docs"
LITESTAR = ("plugin.md", "As a service beside your app")
COMMON = ("beside-your-app.md", "The first reset")
"""The page and section with the commands of all guides."""

IN_EVERY_TABLE = {"url", "id", "email"}
"""Settings that a guide leaves out."""

SUPABASE = "https://abcdefgh.supabase.co"
"""Where the guide says that the reader's project at Supabase is."""
_PLACES = re.compile(r"--base-url (\S+) --sign-in-url (http://[^/\s]+)")
"""Where a guide says that Keyturn and the reader's app are."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|//|<\?php //) ([\w./-]+\.\w+)\n")
_NOT_TYPED = ("pip install ", "python3 -m venv ", "keyturn serve")


def block(page: str, language: str, beginning: str) -> str:
    """Return the one block of a page in that language that begins so."""
    blocks: list[tuple[str, str]] = _BLOCK.findall((DOCS / page).read_text("utf-8"))
    (found,) = (code for kind, code in blocks if kind == language and code.startswith(beginning))
    return found


def section(page: str, title: str) -> str:
    text = (DOCS / page).read_text("utf-8").partition(f"\n## {title}\n")[2]
    return re.split(r"(?m)^## ", text)[0]


class Guide:
    """One guide, with the reader's addresses in the place of those that it names for an example."""

    def __init__(
        self, name: str, *, keyturn: str = "", app: str = "", supabase: str = SUPABASE
    ) -> None:
        text = (
            section(*LITESTAR)
            if name == "litestar"
            else (DOCS / "guides" / f"{name}.md").read_text("utf-8")
        )
        places = _PLACES.search(text)
        assert places, f"{name}.md does not say where Keyturn and the app are"
        self.keyturn, self.app = places[1], places[2]
        own = {self.keyturn: keyturn or self.keyturn, self.app: app or self.app, SUPABASE: supabase}
        text = re.sub(
            rf"({'|'.join(map(re.escape, own))})(?!\d)", lambda found: own[found[1]], text
        )
        self._blocks: list[tuple[str, str]] = _BLOCK.findall(text)

    @property
    def files(self) -> dict[str, str]:
        """The files that the reader writes: blocks that begin with a remark that is a name
        alone.
        """
        found = ((_FILE.match(code), code) for _, code in self._blocks)
        return {file[1]: code for file, code in found if file}

    @property
    def written(self) -> dict[str, Any]:
        """What the page says that `keyturn init` writes: the first block of settings."""
        return tomllib.loads(next(code for language, code in self._blocks if language == "toml"))

    def assert_written(self, file: Path) -> None:
        """Hold the settings in a file against the sections that the page shows; only [accounts] may
        have more.
        """
        found, shown = tomllib.loads(file.read_text("utf-8")), self.written
        table, columns = found["accounts"].get("table", {}), shown["accounts"].get("table", {})
        for name in IN_EVERY_TABLE - set(columns):
            table.pop(name, None)
        assert {name: found[name] for name in shown} == shown | {
            "accounts": found["accounts"] | shown["accounts"]
        }

    def follow(self, folder: Path, environment: dict[str, str]) -> dict[str, str]:
        """Type all commands but those that install or serve; return the environment as it is
        then.
        """
        lines = [line for line in self._lines() if not line.startswith(_NOT_TYPED)]
        commands = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        script = "\n".join([*lines, "env -0 > environment"])
        output_of(["sh", "-euc", script], folder, **environment | {"PATH": commands})
        after = (folder / "environment").read_text("utf-8")
        return dict(entry.split("=", 1) for entry in after.split("\0") if entry)

    def _lines(self) -> list[str]:
        common: list[tuple[str, str]] = _BLOCK.findall(section(*COMMON))
        blocks = [
            code.replace("\\\n", " ")
            for language, code in self._blocks + common
            if language == "sh"
        ]
        return [line for code in blocks for line in code.splitlines()]


APPS = Path(__file__).parent / "apps"
EMAIL, OLD, NEW = "Mona@readers.test", "seven quiet harbours", "eleven loud lighthouses"


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """An app of tests/processes/adoption/apps: how it is started, with which variables, and where
    its users sign in.

    `forgot`: an address of the app that its guide turns to Keyturn.
    `database`: what `keyturn init --database` is given, where docs/guides has no page for the app
    or its database.
    `says`: what the app writes once it listens.
    """

    name: str
    starts: Sequence[str]
    sign_in: str
    forgot: str = ""
    environment: dict[str, str] = {}
    is_told: bool = False
    database: str = ""
    says: str = "listening"


class Beside(msgspec.Struct, frozen=True):
    """A Keyturn that runs as a guide says. `folder` is where its people type."""

    url: str
    folder: Path
    process: Running


def signs_in(device: httpx2.Client, stack: Stack, password: str) -> bool:
    device.get(stack.sign_in)
    fields = {"username": EMAIL, "email": EMAIL, "password": password}
    answer = device.post(
        stack.sign_in, data=fields | {"csrfmiddlewaretoken": device.cookies.get("csrftoken", "")}
    )
    assert answer.status_code < 500, answer.text
    if answer.headers.get("content-type") == "application/json" and "access_token" in answer.json():
        device.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return is_signed_in(device)


def is_signed_in(device: httpx2.Client) -> bool:
    answer = device.get("/me")
    assert answer.status_code in {200, 401}, answer.text
    return answer.status_code == 200 and answer.json() == {"email": EMAIL}


@contextmanager
def adopted(stack: Stack, folder: Path) -> Iterator[tuple[str, Beside]]:
    """Set the app up, follow its guide or `init` alone, and run both; yield the app's address, and
    Keyturn.
    """
    with held_ports(2) as ports:
        keyturn, app = (f"http://127.0.0.1:{port}" for port in ports)
        shutil.copytree(APPS / stack.name, folder, dirs_exist_ok=True)
        guide = None if stack.database else Guide(stack.name, keyturn=keyturn, app=app)
        for name, code in guide.files.items() if guide else ():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(code, "utf-8")
        packages = install_packages(folder)
        environment = stack.environment | {"PORT": str(ports[1]), "EMAIL": EMAIL, "PASSWORD": OLD}
        output_of([*stack.starts, "set-up"], folder, **environment, **packages)
        if guide:
            followed = guide.follow(folder, environment)
            guide.assert_written(folder / "keyturn.toml")
        else:
            followed = follow_init(stack, folder, environment, (keyturn, app))
        with (
            running_program(stack.starts, folder, **followed, **packages) as process,
            beside(folder, keyturn, followed) as service,
        ):
            process.wait_for(stack.says)
            yield app, service


def follow_init(
    stack: Stack,
    folder: Path,
    environment: Mapping[str, str],
    places: Sequence[str],
    command: Sequence[str] = KEYTURN,
) -> dict[str, str]:
    """Type `keyturn init` and `migrate` for these addresses of Keyturn and the app; return
    Keyturn's environment.
    """
    keyturn, app = places
    kept = {
        **environment,
        "KEYTURN_SECRET_KEY": secrets.token_hex(32),
        "KEYTURN_MAIL_TRANSPORT": "capture",
    }
    urls = ("--base-url", keyturn, "--sign-in-url", f"{app}{stack.sign_in}")
    texts = (
        "--brand",
        "Northwind School",
        "--from",
        "Northwind School <no-reply@northwind.example>",
    )
    for words in (("init", "--database", stack.database, *urls, *texts), ("migrate",)):
        output_of([*command, *words], folder, **kept)
    return kept


@contextmanager
def beside(
    folder: Path, url: str, environment: Mapping[str, str], command: Sequence[str] = KEYTURN
) -> Iterator[Beside]:
    words = [*command, "serve", "--port", url.rpartition(":")[2]]
    with running_program(words, folder, **environment) as process:
        process.wait_for("Keyturn answers on")
        yield Beside(url, folder, process)


def reset_password(keyturn: Beside, email: str = EMAIL) -> None:
    api = f"{keyturn.url}/api/auth"
    asked = httpx2.post(f"{api}/request-password-reset", json={"email": email.upper()}, timeout=30)
    assert asked.status_code == 202
    keyturn.process.wait_for('"transport":"capture"')
    (file,) = (keyturn.folder / ".keyturn" / "mail").glob("*.eml")
    assert (
        message_from_bytes(file.read_bytes())["To"].lower() == email.lower()
    )  # Supabase stores small letters
    fields = {"token": token_in_file(file), "newPassword": NEW}
    answer = httpx2.post(f"{api}/reset-password", json=fields, timeout=30)
    assert answer.status_code == 200, answer.text


def tell_story(stack: Stack, tmp_path: Path) -> None:
    with (
        adopted(stack, tmp_path) as (app, keyturn),
        httpx2.Client(base_url=app, timeout=30) as phone,
    ):
        with httpx2.Client(base_url=app, timeout=30) as laptop:
            assert [signs_in(device, stack, OLD) for device in (phone, laptop)] == [True, True]
            reset_password(keyturn)
            if stack.is_told:
                keyturn.process.wait_for('"kind":"webhook_password_changed"')
            assert [is_signed_in(device) for device in (phone, laptop)] == [False, False]
            assert [signs_in(phone, stack, OLD), signs_in(laptop, stack, NEW)] == [False, True]
            assert not is_signed_in(phone)
        if stack.forgot:
            assert phone.get(stack.forgot).headers["location"] == f"{keyturn.url}/forgot-password"
