"""Templates that run away in the studio: the studio reports them, and other pages do not wait."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.studio.web.fixtures import NOTICE, Client, opened

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.renderers import Limits, RendererPool
from keyturn.studio.web.app import Studio
from keyturn.studio.web.checks.snapshots import difference_within_limits
from keyturn.studio.web.rendering import rendition
from keyturn.studio.web.rendering.rendition import MailRenderer

ENDLESS = "<mjml><mj-body>\n{% for one in range(10 ** 9) %}\n{% endfor %}\n</mj-body></mjml>"


@pytest.fixture
def client(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(
        "keyturn.studio.renderers.pool._GRACE", 60
    )  # processor time ends a template, not the clock
    settings = StudioSettings(snapshots=tmp_path / "snapshots", snapshot_languages=("en", "de"))
    workers = RendererPool(MailRenderer(studio.gallery), Limits(seconds=1.2, megabytes=128), most=2)
    with closing(workers), opened(studio, runner=workers, settings=settings) as client:
        yield client


def test_a_worker_renders_checks_and_knows_the_lines(client: Client) -> None:
    page = client.get("/studio/templates/greeting?sample=ada&line=greeting/greeting.mjml:5").text
    assert "Welcome, Ada" in page
    assert 'data-region="fault"></div>' in page
    frame = client.get("/studio/frames/greeting?sample=ada&scheme=full").text
    assert "Hello Ada" in frame
    assert 'data-keyturn="' in frame or "kt-" in frame
    marks = client.get("/studio/places/greeting?sample=ada&line=greeting/greeting.mjml:5").json()
    assert marks["picked"]
    assert "Checks" in client.get("/studio/templates/greeting?sample=ada&tab=checks").text
    assert client.get("/studio/templates/greeting?sample=ada&brand=nobody").status_code == 404


@pytest.mark.long
def test_a_page_says_which_template_never_ends_and_why(client: Client, folder: Path) -> None:
    assert "The heating is back" in client.get("/studio/frames/notice").text
    (folder / "notice" / "notice.mjml").write_text(ENDLESS)
    page = client.get("/studio/templates/notice").text
    fault = re.search(r'<section class="fault".*?</section>', page, re.DOTALL)
    assert fault
    assert "It takes longer than 1.2 seconds" in fault[0]
    assert "notice/notice.mjml" in fault[0]
    assert '<li value="2" class="wrong"' in fault[0]
    assert "limit_seconds" in fault[0]
    assert "The heating is back" in client.get("/studio/frames/notice").text, (
        "the last good mail stays"
    )
    assert "limits/time" in client.get("/studio/templates/notice?tab=checks").text
    assert "Rendering and checking this mail takes too long" in client.get("/studio/snapshots").text
    (folder / "notice" / "notice.mjml").write_text(NOTICE)
    assert "The heating is back" in client.get("/studio/frames/notice").text
    assert "It takes longer" not in client.get("/studio/templates/notice").text


@pytest.mark.long
def test_others_are_rendered_while_a_template_runs_away(client: Client, folder: Path) -> None:
    (folder / "notice" / "notice.mjml").write_text(ENDLESS)
    with ThreadPoolExecutor(1) as threads:
        stuck = threads.submit(client.get, "/studio/frames/notice")
        rendered = client.get("/studio/frames/greeting?sample=ada")
        assert "Hello Ada" in rendered.text
        answer = stuck.result(30)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert "notice/notice.mjml:2:1: It takes longer than 1.2 seconds.<" in answer.text


@pytest.mark.long
def test_a_source_that_is_slow_to_colour_is_plain(client: Client, captured: CapturedMails) -> None:
    """The source of a hostile mail is shown without colours, and that of others with them."""
    slow = captured.add(b"Subject: Slow\r\nFrom: " + b"a." * 8_000 + b"\r\n\r\nHello <b>")
    usual = captured.add(b"Subject: Usual\r\nFrom: a@b.example\r\n\r\nHello <b>")
    pages = [client.get(f"/studio/inbox/{mail_id}?show=source").text for mail_id in (slow, usual)]
    sources = [
        page[page.index('<ol class="code') : page.index("</ol>", page.index('<ol class="code'))]
        for page in pages
    ]
    assert ['<span class="' in source for source in sources] == [False, True]
    assert "a." * 8_000 in sources[0]
    assert all("Hello &lt;b&gt;" in source for source in sources)


@pytest.mark.long
def test_a_model_that_takes_too_long_says_so(client: Client, captured: CapturedMails) -> None:
    """A captured mail with very many styles and elements has no dark view, and its light one
    stays.
    """
    html = (
        b"<style>"
        + b".a{color:#fff;background:#000}" * 6_000
        + b"</style>"
        + b"<p class=a>x" * 20_000
    )
    mail_id = captured.add(b"Subject: Slow\r\nContent-Type: text/html\r\n\r\n" + html)
    dark, light = (
        client.get(f"/studio/inbox/{mail_id}/frame?scheme={scheme}") for scheme in ("full", "light")
    )
    assert (dark.status_code, light.status_code) == (422, 200)
    assert "takes too much time or memory" in dark.text


@pytest.mark.long
def test_a_difference_that_takes_too_long_is_a_replacement(studio: Studio) -> None:
    """A text of very many equal lines is shown as replaced, and that of others line by line."""
    before, after = "before\n" + "b\na\nb\n" * 50_000, "a\na\nb\n" * 50_000 + "after\n"
    with closing(RendererPool(MailRenderer(studio.gallery), Limits(), most=1)) as workers:
        differ = difference_within_limits(workers)
        slow, usual = differ(before, after), differ("one\ntwo\n", "one\nthree\n")
    assert (slow.removed, slow.added) == (150_001, 150_001)
    assert (usual.removed, usual.added) == (1, 1)


RUNS_AWAY_IN_A_BRANCH = NOTICE.replace(
    "{{ what }}", "{{ what }}{% if not what %}{% for a in range(10**9) %}{% endfor %}{% endif %}"
)


def test_a_branch_that_never_ends_stops_no_check(
    client: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendition, "_TO_EXPLORE", 0.4)
    (folder / "notice" / "notice.mjml").write_text(RUNS_AWAY_IN_A_BRANCH)
    checks = client.get("/studio/templates/notice?tab=checks").text
    assert "accessibility/lang" in checks
    assert "limits/time" not in checks
    assert "The heating is back" in client.get("/studio/frames/notice").text
