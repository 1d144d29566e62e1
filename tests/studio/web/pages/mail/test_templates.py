"""The pages of the templates, as plain GETs."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.studio.web.fixtures import NOTICE, Client, checked_page, opened, save

from keyturn.studio.renderers import Runner
from keyturn.studio.web.app import Studio
from keyturn.studio.web.rendering.rendition import MailRenderer


def test_it_lists_templates_with_their_samples_and_the_files_that_they_share(
    client: Client,
) -> None:
    page = client.get("/studio/templates/greeting").text
    assert re.findall(r'id="template-(\w+)"', page) == ["greeting", "notice"]
    listed = re.findall(r'id="(?:sample|hostile)-\d".*>([\w ]+)</a>', page)
    assert listed == ["ada", "grace", "very long", "right to left", "HTML"]
    assert 'href="/studio/files/_layout/base.mjml"' in page


def test_next_to_a_hostile_sample_are_the_others_of_its_template(client: Client) -> None:
    page = client.get("/studio/templates/greeting?sample=hostile%3A+right+to+left").text
    assert re.findall(r'rel="(?:prev|next)" href="/studio/templates/(\S+)"', page) == [
        "greeting?sample=hostile%3A+very+long",
        "greeting?sample=hostile%3A+HTML",
    ]


def test_a_written_sample_may_be_named_as_made_ones_are(client: Client, folder: Path) -> None:
    for kind, name in (("hostile", "ada"), ("branch", "grace")):
        save(folder, f"[{name}]", f'["{kind}: x"]', "greeting/samples.toml")
        assert client.get(f"/studio/frames/greeting?sample={kind}%3A+x").status_code == 200


def test_the_inbox_row_says_who_what_and_the_preheader_and_escapes_the_sample(
    client: Client,
) -> None:
    page = client.get("/studio/templates/greeting?sample=grace").text
    row = page[page.index('data-region="inbox"') : page.index('class="stage"')]
    assert "<b>Northwind School</b>" in row
    assert "Welcome, Grace &lt;b&gt;Hopper&lt;/b&gt;" in row
    assert "Your account is ready." in row
    assert "<b>Hopper" not in page


def test_the_links_say_whether_both_parts_have_them(client: Client, folder: Path) -> None:
    page = client.get("/studio/templates/greeting?tab=links").text
    assert "HTML and text" in page
    assert 'href="https://account.northwind.example' not in page, "none can be followed"
    (folder / "greeting" / "greeting.txt").write_text(
        "Hello {{ name }}, see https://elsewhere.example/help."
    )
    page = client.get("/studio/templates/greeting?tab=links").text
    assert "HTML and text" not in page
    assert "HTML only" in page
    assert "text only" in page
    assert '"https://elsewhere.example/help"' in page


STAGES = {
    "template": "_layout/base.mjml",
    "text": "{{",
    "samples": "[grace]",
    "mjml": "mj-button",
    "html": "mj-column-per-100",
}


@pytest.mark.long
def test_the_source_is_shown_at_every_stage_in_numbered_lines(client: Client) -> None:
    for file, words in STAGES.items():
        page = client.get(f"/studio/templates/greeting?show=source&file={file}").text
        lines = re.findall(r'<li id="L(\d+)">(?:<a [^>]+>\d+</a>)?<code>(.*?)</code></li>', page)
        assert [int(number) for number, _ in lines] == list(range(1, len(lines) + 1))
        assert words in re.sub(r"<[^>]+>", "", " ".join(line for _, line in lines))


def test_a_shared_file_says_which_templates_use_it_also_through_another_file(
    client: Client, folder: Path
) -> None:
    (folder / "_layout" / "foot.mjml").write_text("<mj-text>Foot</mj-text>")
    save(
        folder,
        "{% block content %}",
        '{% include "_layout/foot.mjml" %}{% block content %}',
        "_layout/base.mjml",
    )
    page = client.get("/studio/files/_layout/foot.mjml").text
    assert re.findall(r'id="user-(\w+)"', page) == ["greeting"]


def test_every_link_keeps_the_rest_of_the_view(client: Client) -> None:
    page = client.get("/studio/templates/greeting?sample=ada&width=320&scheme=dark&tab=links").text
    for link in (
        'id="width-375" href="?sample=ada&amp;width=375&amp;scheme=dark&amp;tab=links"',
        'id="light" href="?sample=ada&amp;width=320&amp;tab=links"',
        (
            'id="show-text" '
            'href="?sample=ada&amp;show=text&amp;width=320&amp;scheme=dark&amp;tab=links"'
        ),
        'href="/studio/templates/greeting?sample=grace&amp;width=320&amp;scheme=dark&amp;tab=links"',
    ):
        assert link in page


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/studio/templates/nothing", "There is no template called nothing; did you mean notice?"),
        (
            "/studio/templates/greeting?sample=nobody",
            "greeting has no sample called nobody; it has",
        ),
        (
            "/studio/templates/notice?show=source",
            "notice/notice.mjml cannot be read: it has more than 64 MB.",
        ),
        ("/studio/files/_layout/nothing.mjml", "There is no shared file _layout/nothing.mjml."),
        ("/studio/files/_layout/%2e%2e/greeting/samples.toml", "There is no shared file"),
        ("/studio/places/greeting?sample=nobody", "greeting has no sample called nobody; it has"),
    ],
)
@pytest.mark.long
def test_what_is_missing_or_unreadable_is_a_page_that_says_so(
    client: Client, folder: Path, path: str, words: str
) -> None:
    os.truncate(folder / "notice/notice.mjml", 65_000_000)
    answer = client.get(path)
    assert answer.status_code == 404
    assert words in answer.text


@pytest.mark.parametrize(
    ("query", "takes"),
    [
        ("width=9", "a whole number from 280 to 1600"),
        ("width=wide", "a whole number from 280 to 1600"),
        ("page=0", "a whole number from 1 to 100,000"),
        ("show=pdf", "one of html, source, text"),
        ("scheme=sepia", "one of dark, full, light, partial, word"),
        ("tab=x", "one of attachments, checks, data, headers, links, reading"),
        ("pane=x", "one of details, list, mail"),
    ],
)
@pytest.mark.long
def test_a_view_that_does_not_exist_is_told_with_what_it_may_be(
    client: Client, query: str, takes: str
) -> None:
    answer = client.get(f"/studio/templates/greeting?{query}")
    assert answer.status_code == 400
    name, _, value = query.partition("=")
    assert (
        f"The address cannot be read: {name} must be {takes}, not &#39;{value}&#39;." in answer.text
    )


@pytest.mark.parametrize("mistake", [RuntimeError("the disk is on fire"), KeyError("on fire")])
def test_what_nobody_thought_of_is_a_page_that_says_so_and_stands_in_the_log(
    studio: Studio, caplog: pytest.LogCaptureFixture, mistake: Exception
) -> None:
    class FaultyRunner(Runner[MailRenderer]):
        def run_for(self, *_: object) -> Any:
            raise mistake

    gallery = studio.gallery.but(finds_branches=False)
    with opened(studio, gallery=gallery, runner=FaultyRunner(MailRenderer(gallery))) as client:
        answer = client.get("/studio/findings")
    assert answer.status_code == 500
    assert "The studio failed. Its terminal shows the error." in answer.text
    assert "on fire" not in answer.text
    assert f"{type(mistake).__name__}: {mistake}" in caplog.text
    assert "/studio/findings" in caplog.text


def test_what_does_not_exist_is_no_studio_within_the_studio(client: Client) -> None:
    answer = client.get("/studio/frames/nothing", headers={"sec-fetch-dest": "iframe"})
    assert (answer.status_code, answer.text) == (
        404,
        "There is no template called nothing; did you mean notice?",
    )
    assert "content-security-policy" not in answer.headers


def test_the_studio_s_own_pages_have_no_inline_code_and_a_policy_that_refuses_it(
    client: Client,
) -> None:
    for path in (
        "templates/greeting",
        "inbox",
        "files/_layout/base.mjml",
        "templates/no",
        "snapshots",
    ):
        answer = client.get(f"/studio/{path}")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", answer.text
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
    begins = client.get("/studio/snapshots").text
    assert 'snapshots = "tests/mails"' in begins, "where no folder is set"


def test_a_language_is_offered_where_there_is_more_than_one(client: Client, folder: Path) -> None:
    (folder / "notice" / "notice.txt").write_text("{{ lang }}")
    page = client.get("/studio/templates/notice?show=text&lang=de").text
    assert re.search(
        r'id="lang-de" href="\?sample=only&amp;lang=de&amp;show=text"[^>]* aria-current="true"',
        page,
    )
    assert re.search(r'id="lang-en"[^>]* aria-keyshortcuts="l"', page)
    assert '<pre class="text">de' in page


def test_a_note_says_how_much_of_a_mail_gmail_cuts(client: Client, folder: Path) -> None:
    assert "Gmail cuts this mail" not in client.get("/studio/templates/greeting").text
    (folder / "long.html").write_text(f"<p>{'é' * 102 * 512}</p>")
    page = client.get("/studio/templates/long").text
    assert re.search(
        r"<b>Gmail cuts this mail</b> <span>at 102 KB, [\d.]+ \w+ before its end</span>", page
    )


BRANCHES = """{% if urgent %}
<mj-text colour="red">Now</mj-text>
{% endif %}
<mj-text>"""


def test_branches_stand_folded_under_the_mail_each_with_an_address_that_follows_the_template(
    client: Client, folder: Path
) -> None:
    notice = folder / "notice" / "notice.mjml"
    notice.write_text(NOTICE.replace("<mj-text>", BRANCHES))
    assert "branch: notice.mjml:2" not in client.get("/studio/templates/notice").text
    page = checked_page(client, "templates/notice?tab=checks")
    folded = page[page.index('<details id="branches"') :].partition("</details>")[0]
    assert not folded.startswith('<details id="branches" class="folded" open')
    view = "?sample=branch%3A+notice.mjml%3A2"
    assert f"/studio/templates/notice{view}" in folded
    assert "notice / branch: notice.mjml:2" in {
        item["label"] for item in client.get("/studio/index.json").json()
    }
    assert "1 error" in page[page.index('id="template-notice"') :].partition("</div>")[0]

    assert "Now" in client.get(f"/studio/frames/notice{view}").text
    page = client.get(f"/studio/templates/notice{view}&tab=checks").text
    assert "<strong>branch: notice.mjml:2</strong>" in page
    assert "mjml/unknown-attribute" in page
    assert 'rel="prev" href="/studio/templates/notice?sample=only&amp;tab=checks"' in page
    notice.write_text("\n" + notice.read_text())
    assert "branch%3A+notice.mjml%3A3" in checked_page(client, "templates/notice?tab=checks")
    assert client.get(f"/studio/templates/notice{view}").status_code == 404


def test_a_static_file_is_answered_with_its_type_and_the_headers_of_the_studio(
    client: Client,
) -> None:
    script, style, nested = (
        client.get(f"/studio/static/{name}")
        for name in ("studio.js", "studio.css", "editing/editor.js")
    )
    assert (script.status_code, style.status_code, nested.status_code) == (200, 200, 200)
    assert script.headers["content-type"].partition(";")[0] in {
        "text/javascript",
        "application/javascript",
    }
    assert style.headers["content-type"].partition(";")[0] == "text/css"
    assert script.headers["cache-control"] == "no-cache"
    assert script.headers["x-content-type-options"] == "nosniff"
    assert client.head("/studio/static/studio.js").headers["etag"] == script.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        *(
            "%00",
            "%ff",
            "/etc/passwd",
            "%2fetc/passwd",
            "..%2fbase.html",
            "editing/%2e%2e/%2e%2e/base.html",
        ),
        *("studio.css/x", "editing", "a" * 300, "a/" * 3_000, "", "/"),
    ],
)
@pytest.mark.long
def test_a_path_that_names_no_static_file_is_not_found(client: Client, path: str) -> None:
    assert client.get(f"/studio/static/{path}").status_code == 404
