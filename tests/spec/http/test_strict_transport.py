"""Whoever came over https once comes over https from then on, whatever answered (HSTS,
RFC 6797).
"""

from tests.driver.service import LOGIN, REQUEST, Start
from tests.servers.databases import ON_SQLITE

pytestmark = ON_SQLITE

HSTS = "strict-transport-security"


async def test_every_answer_over_https_promises_https_once(start: Start) -> None:
    service = await start(base_url="https://account.northwind.test")
    read = (
        "/login",
        "/forgot-password",
        "/api/auth/nothing",
        "/health/ready",
        "/metrics",
        "/schema",
        "/nowhere",
    )
    written = (("POST", REQUEST), ("PUT", LOGIN), ("POST", "/webhooks/resend"))
    for method, path in (*(("GET", path) for path in read), *written):
        answer = await service.anywhere().request(method, path)
        assert answer.headers.get_list(HSTS) == ["max-age=31536000"], (method, path)


async def test_nothing_promises_https_without_it(start: Start) -> None:
    service = await start(base_url="http://127.0.0.1:8000")
    for path in ("/login", "/health", "/nowhere"):
        assert HSTS not in (await service.anywhere().get(path)).headers
