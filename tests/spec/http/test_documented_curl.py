"""The curl of docs/http.md and of /schema, run as it stands there."""

import asyncio
import json
import os
import re
from asyncio.subprocess import PIPE
from html import unescape
from pathlib import Path

import pytest
from tests.driver.inbox import TOKEN
from tests.driver.second_factors import BUILTIN, code_of, enrol
from tests.driver.service import REQUEST, Service, Start
from tests.programs import require_program
from tests.puzzles import solved, written
from tests.serving import serving_here
from tests.spec.http.documented_curl import WITH_PROOFS, read, shown

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


@pytest.mark.long
async def test_each_answer_of_curl_is_what_the_documentation_shows(start: Start, tmp_path: Path) -> None:
    service = await start(
        invitations={"service_key": SERVICE_KEY},
        second_step=BUILTIN,
    )
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


async def test_what_is_documented_of_a_challenge_and_a_code_is_what_happens(start: Start, tmp_path: Path) -> None:
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


async def test_each_route_has_a_command_at_schema_that_the_service_understands(
    service: Service, tmp_path: Path
) -> None:
    page = await service.anywhere().get("/schema", follow_redirects=True)
    commands = [unescape(command) for command in re.findall(r'<code class="curl">(.*?)</code>', page.text, re.DOTALL)]
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
    """Return what a command prints as it stands, with the address in it leading to the one that is served."""
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
