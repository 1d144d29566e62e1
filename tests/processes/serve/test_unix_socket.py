"""serve --uds: a proxy reaches it through a file."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.commands.command import ADA, PASSWORD, Keyturn
from tests.driver.service import REQUEST
from tests.processes.serve.workers import ENVIRONMENT, worker_of
from tests.servers.processes import running

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
    pytest.mark.long,
]


@contextmanager
def over(file: Path) -> Iterator[httpx2.Client]:
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(file)), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(("proxies", "address"), [("127.0.0.1", "203.0.113.7"), ("", "127.0.0.1")])
def test_a_unix_socket_is_for_its_owner_and_group_and_the_proxy_behind_it_is_this_machine(
    keyturn: Keyturn, workplace: Path, proxies: str, address: str
) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    environment = ENVIRONMENT | {"KEYTURN_SERVER_TRUSTED_PROXIES": proxies, "KEYTURN_SECRET_KEY": secret}
    assert keyturn("accounts", "add", ADA, "--password-stdin", stdin=PASSWORD, **environment).code == 0
    file = workplace / "keyturn.sock"
    with running("serve", "--uds", str(file), **environment) as serve:
        serve.wait_for(f"Keyturn answers on the Unix socket {file}")
        serve.wait_for("Application startup complete")
        assert oct(file.stat().st_mode & 0o777) == "0o660"
        with over(file) as client:
            asked = client.post(REQUEST, json={"email": ADA}, headers={"X-Forwarded-For": "203.0.113.7"})
            assert asked.status_code == 202
        serve.wait_for('"mail.sent"')
        assert secret.encode() not in Path(f"/proc/{worker_of(serve)}/cmdline").read_bytes()
        assert serve.end() == 0
    (entry,) = json.loads(keyturn("audit", "--json", **environment).out)
    assert entry["ip_address"] == address


@pytest.mark.usefixtures("migrated")
def test_the_socket_of_a_program_that_was_killed_is_replaced_and_one_in_use_is_not(workplace: Path) -> None:
    file = workplace / "keyturn.sock"
    with running("serve", "--uds", str(file), **ENVIRONMENT) as killed:
        killed.wait_for("Keyturn answers on ")
        killed.process.kill()
        killed.process.wait(30)
    assert file.exists()
    with running("serve", "--uds", str(file), **ENVIRONMENT) as serve:
        serve.wait_for("Keyturn answers on ")
        with running("serve", "--uds", str(file), **ENVIRONMENT) as refused:
            assert f"cannot listen on {file} (Address already in use): choose another" in refused.refusal()
        with over(file) as client:
            assert client.get("/health/live").status_code == 200
        assert serve.end() == 0
