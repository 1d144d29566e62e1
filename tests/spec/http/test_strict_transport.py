"""Whoever came over https once comes over https from then on, whatever answered (HSTS, RFC 6797)."""

import pytest
from tests.spec.conftest import Start

HSTS = "strict-transport-security"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/login"), ("GET", "/forgot-password"), ("POST", "/api/auth/request-password-reset"),
        ("GET", "/api/auth/nothing"), ("PUT", "/api/auth/login"), ("GET", "/health/ready"), ("GET", "/metrics"),
        ("GET", "/schema"), ("GET", "/nowhere"), ("POST", "/webhooks/resend"),
    ],
)  # fmt: skip
async def test_every_answer_over_https_promises_https_once(start: Start, method: str, path: str) -> None:
    service = await start(base_url="https://account.northwind.test")
    answer = await service.anywhere().request(method, path)
    assert answer.headers.get_list(HSTS) == ["max-age=31536000"]


async def test_nothing_promises_https_without_it(start: Start) -> None:
    service = await start(base_url="http://127.0.0.1:8000")
    for path in ("/login", "/health", "/nowhere"):
        assert HSTS not in (await service.anywhere().get(path)).headers
