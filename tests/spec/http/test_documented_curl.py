"""The curl of docs/http.md and of /schema, run as it stands there."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE
from html import unescape
from pathlib import Path

import pytest
from tests.programs import require_program
from tests.serving import serving_here
from tests.spec.conftest import Start
from tests.spec.http.documented_curl import read, shown
from tests.spec.inbox import token_in
from tests.spec.second_factors import BUILTIN, code_of, enrol
from tests.spec.service import Service

from keyturn.settings import InvitationSettings, Secret

ADA = "ada@northwind.example"
GUS = "gus@northwind.example"
"""Somebody with a second factor."""

SERVICE_KEY = "0123456789abcdef" * 4

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


async def test_each_answer_of_curl_is_what_the_documentation_shows(start: Start, tmp_path: Path) -> None:
    service = await start(invitations=InvitationSettings(service_key=Secret(SERVICE_KEY)), second_step=BUILTIN)
    await service.add(ADA, name="Ada", kind="viewer")
    await service.add(GUS)
    await enrol(service, GUS)
    token, guarded = "", await service.link(GUS)
    async with serving_here(service.app) as address:
        for command, documented in shown():
            answer = read(await run(command, address, tmp_path, token, GUARDED=guarded, CODE=code_of()))
            assert (answer.status, answer.body) == (documented.status, documented.body), command
            assert answer.headers >= documented.headers, command
            await service.deliver()
            if mails := service.inbox.sent_to(ADA, "password_reset"):
                token = token_in(mails[0])


async def test_each_route_has_a_command_at_schema_that_the_service_understands(
    service: Service, tmp_path: Path
) -> None:
    page = await service.anywhere().get("/schema", follow_redirects=True)
    commands = [unescape(command) for command in re.findall(r"<pre><code>(.*?)</code></pre>", page.text, re.DOTALL)]
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


async def run(command: str, address: str, folder: Path, token: str = "", **more: str) -> str:
    """Return what a command prints as it stands, with the address in it leading to the one that is served."""
    curl = require_program("curl", "curl")
    here = address.removeprefix("http://")
    (folder / ".curlrc").write_text(f'silent\nmax-time = 20\nconnect-to = "::{here}"\n')
    variables = {
        "PATH": f"{Path(curl).parent}:{os.defpath}",
        "CURL_HOME": str(folder),
        "TOKEN": token,
        "KEYTURN_INVITATIONS_SERVICE_KEY": SERVICE_KEY,
        **more,
    }
    process = await asyncio.create_subprocess_shell(command, cwd=folder, env=variables, stdout=PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0, command
    return printed.decode()
