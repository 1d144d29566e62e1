"""What the probe cannot work with, it says in one sentence, with what to give it."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.commands.probe.faulty_app import ANN
from tests.commands.probe.test_attacks import inbox
from tests.servers.serving import send_answer, serving

from keyturn.probe.attack import CannotProbe
from keyturn.probe.probe import play
from keyturn.probe.run import Run
from keyturn.probe.target import Patience, Target, add_to_file, with_file

pytestmark = pytest.mark.long

START = '<a href="/forgot">Forgot your password?</a>'


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ('<input type="email" name="email">', "No mail with a link for .* Let the application send by SMTP"),
        ('<input type="email" name="email"><div class="cf-turnstile"></div>', "captcha|CAPTCHA|challenge"),
        ('<input name="first"><input name="last">', "--request"),
        ("", "--request"),
    ],
    ids=["no mail", "a CAPTCHA", "a form without an address", "no form"],
)
async def test_an_application_that_it_cannot_probe(form: str, said: str) -> None:
    async def app(scope: Any, _: Any, send: Any) -> None:
        page = f'<form method="post">{form}</form>' if scope["path"] == "/forgot" else START
        await send_answer(send, 200, page.encode(), {"content-type": "text/html"})

    async with AsyncExitStack() as stack:
        mails, _ = inbox(stack)
        url = stack.enter_context(serving(app))
        with pytest.raises(CannotProbe, match=said):
            await play(Run(Target(url=url, accounts=[ANN]), mails, Patience(mail=0.3)))


def test_a_file_keeps_what_its_user_wrote_and_gets_what_was_found(tmp_path: Path) -> None:
    file = tmp_path / "probe.toml"
    file.write_text("# Ours\nsmtp = 1025", "utf-8")
    target = with_file({"url": "http://127.0.0.1:3000", "smtp": None}, file)
    for _ in range(2):
        add_to_file(file, replace(target, request="/forgot"))

    written = '# Ours\nsmtp = 1025\nurl = "http://127.0.0.1:3000"\nrequest = "/forgot"\n'
    assert file.read_text("utf-8") == written
