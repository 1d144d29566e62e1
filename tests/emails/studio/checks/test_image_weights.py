"""The weights of images in the studio: local images have one at once, and hosts are asked when the user says so."""

from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from litestar.testing import TestClient
from tests.emails.studio.fixtures import Client

from keyturn.emails.studio import Studio, create_studio_app
from keyturn.emails.studio.pages.measure_pages import ImageWeights

ORIGIN = {"origin": "http://127.0.0.1:8001"}


class Images(BaseHTTPRequestHandler):
    """Serves one image, and a redirect that never ends."""

    asked: ClassVar[list[str]] = []
    gone: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        again = self.path == "/again.png"
        self.send_response(302 if again else 404 if self.path in self.gone else 200)
        if again:
            self.send_header("location", "/again.png")
        self.send_header("content-length", "0" if again else "700000")
        self.end_headers()
        if not again:
            self.wfile.write(bytes(700_000))

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Images)
    Images.asked.clear()
    Images.gone = {"/none.png"}
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def put_images(folder: Path, host: str) -> None:
    (folder / "here.png").write_bytes(bytes(2048))
    names = [f"{host}/big.png", f"{host}/again.png", f"{host}/none.png", "here.png", "ftp://a.example/x.png"]
    images = "".join(f'<mj-image src="{name}" alt="{name[-9:]}" width="90px" />' for name in names)
    file = folder / "notice" / "notice.mjml"
    file.write_text(file.read_text().replace("<mj-text>", f"{images}<mj-text>"))


def test_hosts_are_asked_when_somebody_wants_it_and_what_does_not_answer_stays_unknown(
    client: Client, folder: Path, host: str
) -> None:
    put_images(folder, host)
    page = "/studio/templates/notice?sample=only&tab=checks"
    before = client.get(page).text
    assert Images.asked == []
    assert before.count("not measured") == 4
    assert "2.0 KB" in before

    answer = client.post("/studio/weights/notice?sample=only", headers=ORIGIN, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    after = client.get(page).text
    assert "683.6 KB" in after
    assert after.count("not measured") == 3
    assert {"/big.png", "/again.png", "/none.png"} == set(Images.asked)


async def test_an_address_that_no_host_can_have_keeps_nobody_from_being_asked(host: str) -> None:
    weights = ImageWeights()
    await weights.ask([f"{host}/big.png", "http://127.0.0.1:99999/x.png", "http://[::1/x.png", "https:///x.png"])
    assert weights.known == {f"{host}/big.png": 700_000}


async def test_what_is_gone_since_is_not_known_any_more(host: str) -> None:
    weights = ImageWeights()
    await weights.ask([f"{host}/big.png", f"{host}/small.png"])
    Images.gone = {"/big.png"}
    await weights.ask([f"{host}/big.png"])
    assert weights.known == {f"{host}/small.png": 700_000}


def test_another_site_and_a_studio_that_others_reach_ask_nobody(
    client: Client, studio: Studio, folder: Path, host: str
) -> None:
    put_images(folder, host)
    asked = {"origin": "https://elsewhere.example"}
    assert client.post("/studio/weights/notice?sample=only", headers=asked).status_code == 403
    shared = replace(studio, host="192.0.2.1", token="a-token-of-22-letters-or-more")
    with TestClient(create_studio_app(shared), base_url="http://127.0.0.1:8001") as other:
        other.get("/studio/templates/notice?token=a-token-of-22-letters-or-more")
        assert other.post("/studio/weights/notice?sample=only", headers=ORIGIN).status_code == 403
        assert "--load-images" in other.get("/studio/templates/notice?sample=only&tab=checks").text
    assert Images.asked == []
