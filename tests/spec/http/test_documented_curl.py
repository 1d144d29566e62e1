"""The curl of docs/http.md and of /schema, run as it stands there."""

import asyncio
import json
import os
import re
from asyncio.subprocess import PIPE
from html import unescape
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.driver.inbox import TOKEN
from tests.driver.puzzles import solved, written
from tests.driver.second_factors import BUILTIN, code_of, enrol
from tests.driver.service import REQUEST, Service, Start
from tests.programs import require_program
from tests.servers.serving import serving_here

ADA = "ada@northwind.example"
EVE = "eve@northwind.example"
"""The address of a link that has expired."""

GUS = "gus@northwind.example"
"""Somebody with a second factor."""

SERVICE_KEY = "0123456789abcdef" * 4

TOKENS = (
    ("TOKEN", "password_reset", "reset-password"),
    ("SECURE_TOKEN", "password_changed", "secure-your-account"),
)
"""What the commands call the tokens of mails, by the mail and the page that each link leads to."""

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

_DOCUMENT = Path(__file__).parents[3] / "docs" / "http.md"
_COMMAND = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(_COMMAND.pattern + r"\n+^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_VARYING = {
    r"[\w-]{8}-[\w-]{4}-[\w-]{4}-[\w-]{4}-[\w-]{12}": "an id",
    r"\d{4}-\d\d-\d\dT[\d:.]+Z": "a moment",
    r"=[\w.-]{43,}": "=a secret",
    r"(retry-after: |\"retryAfter\": ?|;t=)\d+": r"\g<1>60",
    r'"(nonce|salt|signature)": ?"[0-9a-f]{32,64}"': r'"\g<1>": "hex"',
    r'"expiresAt": ?\d+': '"expiresAt": 0',
    r'"token": ?"[\w-]{43}"': '"token": "a secret"',
    r"again in \d+ \w+": "again in 1 minute",
}
"""The parts of an answer that differ between runs; the rest is compared exactly."""


class Answer(NamedTuple):
    """An answer as `curl -i` prints it, without what varies."""

    status: str
    headers: frozenset[str]
    body: object


WITH_PROOFS = "## With a challenge and a code"


def shown(part: str = "") -> list[tuple[str, Answer]]:
    """Return the commands in their order, each with its answer: those of a part, or those that are
    in none.

    Raises ValueError without one.
    """
    most, _, rest = _DOCUMENT.read_text("utf-8").partition(WITH_PROOFS)
    text = rest if part else most
    found = _SHOWN.findall(text)
    commands = [command for command in _COMMAND.findall(text) if "curl" in command]
    if commands != [command for command, _ in found]:
        raise ValueError(f"a command of {_DOCUMENT.name} stands there without an answer")
    return [(command, read(answer)) for command, answer in found]


def read(text: str) -> Answer:
    """Return the last of the answers in what curl has printed."""
    last = "HTTP/1.1 " + text.replace("\r\n", "\n").rpartition("HTTP/1.1 ")[2]
    for pattern, instead in _VARYING.items():
        last = re.sub(pattern, instead, last)
    head, _, body = last.partition("\n\n")
    status, *headers = head.splitlines()
    return Answer(status, frozenset(headers), json.loads(body))


@pytest.mark.long
async def test_each_answer_of_curl_is_what_the_documentation_shows(
    start: Start, tmp_path: Path
) -> None:
    service = await start(invitations={"service_key": SERVICE_KEY}, second_step=BUILTIN)
    await service.add(ADA, name="Ada", kind="viewer")
    await service.add(GUS)
    await enrol(service, GUS)
    await service.add(EVE)
    for email in (EVE, GUS):
        (await service.anywhere().post(REQUEST, json={"email": email})).raise_for_status()
        await service.deliver()
        if email == EVE:
            service.let_time_pass(minutes=30)
    tokens = {
        "EXPIRED": token_of(service, EVE, "password_reset", "reset-password"),
        "GUARDED": token_of(service, GUS, "password_reset", "reset-password"),
    }
    async with serving_here(service.app) as address:
        for command, documented in shown():
            answer = read(await run(command, address, tmp_path, **tokens, CODE=code_of()))
            assert (answer.status, answer.body) == (documented.status, documented.body), command
            assert answer.headers >= documented.headers, command
            await service.deliver()
            for name, template, page in TOKENS:
                if service.inbox.sent_to(ADA, template):
                    tokens[name] = token_of(service, ADA, template, page)


def token_of(service: Service, email: str, template: str, page: str) -> str:
    """Return the token of the link to a page in the first mail of that kind to an address."""
    mail = service.inbox.sent_to(email, template)[0]
    (token,) = re.findall(rf"/{page}/({TOKEN.pattern})", mail.text)
    return str(token)


async def test_what_is_documented_of_a_challenge_and_a_code_is_what_happens(
    start: Start, tmp_path: Path
) -> None:
    service = await start(challenge={"method": "altcha"}, token={"code": True})
    await service.add(ADA, name="Ada")
    known: dict[str, str] = {}
    async with serving_here(service.app) as address:
        for command, documented in shown(WITH_PROOFS):
            printed = await run(command, address, tmp_path, **known)
            answer = read(printed)
            assert (answer.status, answer.body) == (documented.status, documented.body), command
            assert answer.headers >= documented.headers, command
            if '"parameters"' in printed:
                known["ANSWER"] = written(solved(json.loads(printed.split("\n")[-1])))
            await service.deliver()
            for mail in service.inbox.sent_to(ADA, "password_reset"):
                (known["CODE"],) = re.findall(r"^\d{8}$", mail.text, re.MULTILINE)


async def test_each_route_has_a_command_at_schema_that_works(
    service: Service, tmp_path: Path
) -> None:
    page = await service.anywhere().get("/schema", follow_redirects=True)
    commands = [
        unescape(command)
        for command in re.findall(r'<code class="curl">(.*?)</code>', page.text, re.DOTALL)
    ]
    paths = (await service.anywhere().get("/schema/openapi.json")).json()["paths"]
    said = set()
    async with serving_here(service.app) as address:
        for command in commands:
            printed = await run(command, address, tmp_path)
            operation = paths[re.findall(r" http://[^/]+(/\S+)", command)[0]]
            (method,) = operation
            status = read(printed).status.split()[1]
            assert status in operation[method]["responses"], command
            assert "invalid-input" not in printed, command
            said.add(operation[method]["summary"])
    assert said == {operation["summary"] for path in paths.values() for operation in path.values()}


async def run(command: str, address: str, folder: Path, **known: str) -> str:
    """Return what a command prints as it stands, with the address in it leading to the one that is
    served.
    """
    curl = require_program("curl", "curl")
    here = address.removeprefix("http://")
    (folder / ".curlrc").write_text(f'silent\nmax-time = 20\nconnect-to = "::{here}"\n')
    variables = {
        "PATH": f"{Path(curl).parent}:{os.defpath}",
        "CURL_HOME": str(folder),
        "KEYTURN_INVITATIONS_SERVICE_KEY": SERVICE_KEY,
        **known,
    }
    process = await asyncio.create_subprocess_shell(command, cwd=folder, env=variables, stdout=PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0, command
    return printed.decode()
