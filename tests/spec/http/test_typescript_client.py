"""A client in TypeScript, generated from the API's description, compiled, and run."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.driver.service import ADA, NEW_PASSWORD, Service
from tests.packages import install_packages
from tests.servers.serving import serving_here

pytestmark = pytest.mark.long


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_generated_client_compiles_and_knows_problems(
    service: Service, node: str, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    shutil.copytree(Path(__file__).parent / "typescript", app)
    await asyncio.to_thread(install_packages, app)
    (app / "openapi.json").write_text((await service.anywhere().get("/schema/openapi.json")).text)

    async def run(*arguments: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            [node, *arguments],
            cwd=app,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    await run("node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.ts")
    await run("node_modules/typescript/bin/tsc")
    async with serving_here(service.app) as address:
        token = await service.link()
        said = await run("client.js", address, token, "password", NEW_PASSWORD, NEW_PASSWORD)
    assert json.loads(said) == [ADA, "min_length,common", "success: true", "used", "used"]
