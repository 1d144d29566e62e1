"""Images on other hosts: those hosts are asked only if the user says so."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.programs import IS_ROOT, require_program

from keyturn.emails.gallery.opening import open_gallery
from keyturn.emails.lint.browser.chromium import look_at_mails, running_chromium

pytestmark = pytest.mark.browser


@pytest.mark.long
def test_images_elsewhere_are_weighed_where_somebody_asks_for_it(tmp_path: Path) -> None:
    require_program("chromium", "chromium")
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "big.png").write_bytes(bytes(700 * 1024))
    (tmp_path / "mails").mkdir()
    with (
        serving_files(tmp_path / "served") as url,
        running_chromium(load_images=True, sandboxed=not IS_ROOT) as chromium,
    ):
        body = f'<img src="{url}/big.png" width="9" height="9" alt="Big"><link rel="stylesheet" href="{url}/a.css">'
        (tmp_path / "mails" / "mail.html").write_text(f"<!doctype html>\n<html lang='en'><body>\n{body}</body></html>")
        found = list(look_at_mails(open_gallery(tmp_path / "mails"), chromium))
        assert [(one.rule, one.place.line) for one in found] == [("images/heavy", 3)]
        assert chromium.weights == {f"{url}/big.png": 700 * 1024}


@contextmanager
def serving_files(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *_: object) -> None: ...
