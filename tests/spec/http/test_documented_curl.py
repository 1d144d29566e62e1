"""The curl of docs/http.md, run as it stands there."""

import asyncio
import os
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from tests.programs import require_program
from tests.serving import serving_here
from tests.spec.http.documented_curl import read, shown
from tests.spec.inbox import token_in
from tests.spec.service import Service

ADA = "ada@northwind.example"


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_each_answer_of_curl_is_what_the_documentation_shows(service: Service, tmp_path: Path) -> None:
    curl = require_program("curl", "curl")
    await service.add(ADA, name="Ada", kind="viewer")
    variables = {"PATH": f"{Path(curl).parent}:{os.defpath}", "CURL_HOME": str(tmp_path), "TOKEN": ""}
    async with serving_here(service.app) as address:
        # The address of the documentation leads here; the commands stay as they are.
        (tmp_path / ".curlrc").write_text(
            f'silent\nmax-time = 20\nconnect-to = "::{address.removeprefix("http://")}"\n'
        )
        for command, documented in shown():
            process = await asyncio.create_subprocess_shell(command, cwd=tmp_path, env=variables, stdout=PIPE)
            printed, _ = await process.communicate()
            assert process.returncode == 0, command
            answer = read(printed.decode())
            assert (answer.status, answer.body) == (documented.status, documented.body), command
            assert answer.headers >= documented.headers, command
            await service.deliver()
            if mails := service.inbox.sent_to(ADA, "password_reset"):
                variables["TOKEN"] = token_in(mails[0])
