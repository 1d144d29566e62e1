"""The examples of the five apps: what their files say; and their demos, without a process: each
story works.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
import pyotp
import pytest
from tests.commands.command import Keyturn
from tests.driver.inbox import TOKEN, text_in_file
from tests.driver.puzzles import post_answering
from tests.driver.service import CHEAPEST
from tests.processes.sources.adopted import EXAMPLES, variables_of

from keyturn.cli.demo.examples import PASSWORD, DemoFolder, Example, PlainDemo, example_names
from keyturn.cli.terminal import CommandRefused
from keyturn.service.app import create_app
from keyturn.service.container import Container
from keyturn.service.reset.mails.palette import palette_of
from keyturn.service.settings import HashingSettings
from keyturn.service.settings.reading import read_settings
from keyturn.service.settings.rules import broken_rules

pytestmark = pytest.mark.long

URL = "http://127.0.0.1:8000"
NEW = "Eleven l0ud lighthouses!"
PEOPLE = {
    "easemail": "ada@easemail.test",
    "ivory-mirro": "ada@ivory.test",
    "nextjs-app": "user@next.test",
    "teacher-resources": "teacher@resources.test",
    "waibuk": "viewer@waibuk.test",
}


@pytest.mark.parametrize("name", PEOPLE)
def test_an_example_s_file_holds_with_the_variables_of_its_app(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES / name)
    settings = read_settings(
        Path("keyturn.toml"), variables_of(name) | {"KEYTURN_SECRET_KEY": "s" * 32}
    )
    assert (settings.environment, palette_of(settings.brand)[1]) == ("production", [])


@pytest.mark.parametrize("name", ["", *PEOPLE])
def test_nothing_of_a_demo_leaves_the_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYTURN_MAIL_TRANSPORT", "resend")
    monkeypatch.setenv("KEYTURN_DATABASE_URL", "postgresql://db.example/keyturn")
    settings = (
        Example(name, URL, DemoFolder(name)) if name else PlainDemo(URL, DemoFolder())
    ).settings

    assert list(broken_rules(settings, sending=True)) == []
    senders = (
        settings.mail.transport,
        settings.mail.fallback,
        settings.resend.api_key,
        settings.smtp.host,
    )
    assert senders == ("capture", "", "", "")
    places = (settings.database.url, settings.accounts.table.url or settings.database.url)
    assert all(place.startswith(f"sqlite:///.keyturn/{name}") for place in places)
    assert (
        not settings.accounts.supabase.url
        or urlsplit(settings.accounts.supabase.url).hostname == "127.0.0.1"
    )


class Running:
    """A demo whose worker is driven by hand, and a browser's end of it."""

    def __init__(
        self, container: Container, client: httpx2.AsyncClient, notes: Sequence[str]
    ) -> None:
        self.container, self.client, self.notes = container, client, notes

    async def mail(self, route: str, email: str) -> tuple[EmailMessage, str]:
        asked = await post_answering(self.client, f"{route}/forgot-password", {"email": email})
        assert asked.status_code == 202
        await self.container.worker.drain()
        return self.captured()

    def captured(self) -> tuple[EmailMessage, str]:
        (file,) = Path(self.container.settings.mail.capture_dir).glob("*.eml")
        return message_from_bytes(file.read_bytes(), policy=policy.default), text_in_file(file)

    async def sign_in(self, address: str, password: str, **more: Any) -> int:
        fields = {"email": address, "password": password, **more}
        return (await self.client.post("/api/auth/login", json=fields)).status_code


@asynccontextmanager
async def running(name: str) -> AsyncIterator[Running]:
    example = Example(name, URL, DemoFolder(name))
    example.settings = msgspec.structs.replace(
        example.settings, hashing=HashingSettings(cost=CHEAPEST)
    )
    container = await example.container()
    app = create_app(example.settings, container=container, worker=False, more=example.routes())
    transport = httpx2.ASGITransport(app, client=("127.0.0.9", 40_000))  # type: ignore[arg-type]
    async with httpx2.AsyncClient(
        transport=transport, base_url=URL, follow_redirects=True
    ) as client:
        yield Running(container, client, example.notes)
    await container.close()


@pytest.mark.parametrize("name", PEOPLE)
async def test_its_story_goes_from_asking_to_signing_in_with_the_new_password(name: str) -> None:
    async with running(name) as demo:
        settings, person = demo.container.settings, PEOPLE[name]
        api = settings.server.api_path.rstrip("/")
        assert await demo.sign_in(person, PASSWORD) == 200
        mail, text = await demo.mail(api, person)
        (link,), (token,) = re.findall(r"https?://\S+", text), TOKEN.findall(text)
        page = await demo.client.get(link)
        sent = [{"token": token, "newPassword": password} for password in ("short", NEW)]
        answers = [await demo.client.post(f"{api}/reset-password", json=fields) for fields in sent]

        assert (mail["To"], f"<no-reply@{name}.test>" in mail["From"]) == (person, True)
        assert settings.brand.name in mail["Subject"]
        assert (page.status_code, settings.brand.name in page.text) == (200, True)
        assert [answer.status_code for answer in answers] == [422, 200]
        assert [await demo.sign_in(person, password) for password in (PASSWORD, NEW)] == [401, 200]
        assert (await demo.client.get(settings.sign_in_url.format(base_url=URL))).status_code == 200


async def test_ivory_mirro_has_an_authenticator_app_and_recovery_codes_for_who_has_none() -> None:
    guarded = "guarded@ivory.test"
    async with running("ivory-mirro") as demo:
        key, codes = (
            note.rpartition(mark)[2] for note, mark in zip(demo.notes, (" key ", ": "), strict=True)
        )
        _, text = await demo.mail("/api/auth", guarded)
        fields = {"token": TOKEN.findall(text)[0], "newPassword": NEW}
        now = {"method": "totp", "code": pyotp.TOTP(key.rstrip(".").replace(" ", "")).now()}
        for more, status in (({}, 401), ({"secondStep": now}, 200)):
            assert (
                await demo.client.post("/api/auth/reset-password", json=fields | more)
            ).status_code == status
        for code in codes.split(" or "):
            step = {"method": "recovery_code", "code": code}
            assert [
                await demo.sign_in(guarded, NEW),
                await demo.sign_in(guarded, NEW, secondStep=step),
            ] == [401, 200]


def test_the_help_lists_them_and_an_unknown_one_is_one_sentence_with_the_names(
    keyturn: Keyturn,
) -> None:
    assert tuple(example_names()) == tuple(PEOPLE)
    with pytest.raises(
        CommandRefused, match="there is no example wiabuk: choose one of easemail, ivory-mirro"
    ):
        Example("wiabuk", URL, DemoFolder("wiabuk"))
    assert not Path(".keyturn").exists()
    shown = "".join(keyturn("demo", "--help").out.split())
    assert all(name in shown for name in PEOPLE)
