"""A feature that is off has no route."""

import pytest
from tests.driver.service import INVITE, VERIFY, Service

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", VERIFY),
        ("GET", "/api/auth/challenge"),
        ("POST", INVITE),
        ("POST", "/api/auth/links"),
        ("POST", "/webhooks/resend"),
    ],
)
async def test_no_route(service: Service, method: str, path: str) -> None:
    """What is off in the settings is answered as what does not exist, and is not described."""
    client = service.anywhere()

    assert (await client.request(method, path)).status_code == 404
    assert path not in (await client.get("/schema/openapi.json")).text
