"""What `keyturn studio` says and how it ends."""

import sys
from pathlib import Path

import httpx
from tests.demo.process import running_demo


def test_it_says_where_it_is_and_ends_with_a_last_line(tmp_path: Path) -> None:
    with running_demo([sys.executable, "-m", "keyturn", "studio", "--port", "0"], tmp_path) as studio:
        answer = httpx.get(f"{studio.url}/studio", follow_redirects=True)
        code, rest = studio.interrupt()
    assert answer.status_code == 200
    assert studio.greeting == f"Studio  {studio.url}/studio  Ctrl-C ends it.\n"
    assert (code, rest) == (0, "Ended. Nothing was sent.\n")
