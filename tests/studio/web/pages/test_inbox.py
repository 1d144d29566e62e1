"""The captured mails, as plain GETs."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.studio.inbox.mails import mail
from tests.studio.web.fixtures import OURS, Client, capture, opened

from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.web.app import Studio
from keyturn.studio.web.frames.client_models import Row, rows

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_it_lists_every_mail_newest_first_with_address_subject_and_time(
    client: Client, inbox: Path
) -> None:
    capture(inbox, "First", NOON)
    capture(inbox, "Second", NOON + timedelta(minutes=1))
    assert 'Inbox</span><span class="count">2<' in client.get("/studio").text
    page = client.get("/studio/inbox").text
    assert re.findall(r'</span> <b dir="auto">(\w+)</b>', page) == ["Second", "First"]
    assert page.count("Northwind School <small>to ada@northwind.example</small>") == 2
    assert f">{NOON.astimezone():%H:%M:%S}</time>" in page


def test_a_mail_is_shown_with_its_headers_escaped_and_its_html_in_a_sandbox(
    client: Client, inbox: Path
) -> None:
    name = capture(inbox, "Welcome <script>alert(1)<script>")
    for path in ("inbox", f"inbox/{name}?show=source"):
        assert "<script>alert" not in client.get(f"/studio/{path}").text
    page = client.get(f"/studio/inbox/{name}?scheme=word&tab=reading").text
    assert "<script>alert" not in page
    assert "Outlook for Windows, modelled" in page
    assert "<span>Hello Ada</span>" in page
    page = client.get(f"/studio/inbox/{name}").text
    assert "<dt>Subject</dt><dd>Welcome &lt;script&gt;alert(1)&lt;script&gt;</dd>" in page
    assert "<dt>From</dt><dd>Northwind School &lt;no-reply@northwind.example&gt;</dd>" in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    frame, alone = client.get(f"/studio/inbox/{name}/frame"), client.get("/view/latest.html")
    policy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    for shown in (frame, alone):
        assert "<p>Hello Ada</p>" in shown.text
        assert shown.headers["content-security-policy"].startswith(policy)
    assert frame.text.startswith('<base target="_blank">')
    assert frame.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("link", ["http://127.0.0.1:8000/open/1?a=1&b=2", "javascript:alert(1)"])
def test_only_web_addresses_can_be_followed_and_without_a_referrer(
    client: Client, inbox: Path, link: str
) -> None:
    name, written = capture(inbox, "Welcome", link=link), link.replace("&", "&amp;")
    page = client.get(f"/studio/inbox/{name}?tab=links").text
    assert f"{written}<" in page
    assert (f'href="{written}" target="_blank" rel="noreferrer"' in page) == link.startswith("http")
    assert 'href="javascript' not in page
    assert (
        f'<a href="{written}"' in client.get(f"/studio/inbox/{name}?show=text").text
    ) == link.startswith("http")


def test_the_raw_mail_can_be_read_and_taken_away(client: Client, inbox: Path) -> None:
    name = capture(inbox, "Welcome")
    assert "multipart/alternative" in client.get(f"/studio/inbox/{name}?show=source").text
    taken = client.get(f"/studio/inbox/{name}/raw")
    assert taken.content == (inbox / name).read_bytes()
    assert taken.headers["content-type"] == "application/octet-stream"
    assert (
        taken.headers["content-disposition"]
        == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"
    )


@pytest.mark.parametrize("end", ["", "/frame", "/raw"])
@pytest.mark.parametrize(
    "name", ["gone.eml", "..%2Fsecret.eml", "%2e%2e%2fsecret.eml", ".hidden.eml", "notes.txt"]
)
@pytest.mark.long
def test_only_what_is_in_the_list_is_handed_out(
    client: Client, inbox: Path, name: str, end: str
) -> None:
    capture(inbox, "Welcome")
    for file in (inbox / "notes.txt", inbox / ".hidden.eml", inbox.parent / "secret.eml"):
        file.write_text("Subject: secret\n\nsecret words")
    answer = client.get(f"/studio/inbox/{name}{end}")
    assert answer.status_code == 404
    assert "secret words" not in answer.text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"\xff\xfe\x00 not a mail",
        b"Subject: =?klingon?q?x?=\r\nTo: =?utf-8?b?!!!?= <>\r\nDate: never\r\n\r\nx",
        b'Content-Type: text/html; charset="\xff"\r\n\r\n<p>',
        (
            b"Content-Type: text/plain; charset=klingon\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n!!!"
        ),
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n--b",
        b"Content-Type: message/rfc822\r\n\r\n",
        b"Content-Type: /\r\nContent-Disposition: ;;=;\r\n\r\nx",
        b"Content-Type: text/plain; a*0=x; a*=y\r\n\r\nx",
        b"Content-Type: multipart/mixed; a*0=x; a*=y\r\n\r\nx",
        b"Content-Disposition: attachment; filename*0=x; filename*=y\r\n\r\nx",
        b"Date: yesterday\nTo: \xc3\xa4, <>\nSubject: =?x?q?=ff?=\n\nx",
        (
            b'Content-Type: multipart/alternative; boundary="b"\n\n--b\nContent-Type: text/html; '
            b"charset=x\n\n<p>\n--b--"
        ),
    ],
)
@pytest.mark.long
def test_a_damaged_mail_is_shown_as_far_as_it_can_be(
    client: Client, inbox: Path, raw: bytes
) -> None:
    (inbox / "1-damaged.eml").write_bytes(raw)
    assert "1-damaged.eml" in client.get("/studio/inbox").text
    for query in (
        "",
        "?show=text",
        "?show=source",
        "?tab=links",
        "?tab=checks",
        "?tab=attachments",
        "?tab=reading",
    ):
        assert client.get(f"/studio/inbox/1-damaged.eml{query}").status_code == 200


def test_a_mail_of_text_alone_is_read_with_links_that_can_be_followed(
    client: Client, captured: CapturedMails
) -> None:
    text = (
        "Open https://school.example/open?a=1&b=2 or write to help@school.example.\n\n<b>Ada</b>\n"
    )
    mail_id = captured.add(f"Subject: Words\r\n\r\n{text}".encode())
    page = client.get(f"/studio/inbox/{mail_id}?scheme=dark").text
    assert (
        '<a href="https://school.example/open?a=1&amp;b=2" rel="noopener noreferrer" '
        'target="_blank">' in page
    )
    assert '<a href="mailto:help@school.example">' in page
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page
    assert "In the inbox" in page
    assert "Open https://school.example" in client.get(f"/studio/inbox/{mail_id}?tab=reading").text
    assert "&lt;b&gt;Ada&lt;/b&gt;" in client.get(f"/view/{mail_id}.html").text


def test_where_nothing_is_captured_there_is_no_inbox_and_no_api(studio: Studio) -> None:
    with opened(studio, captured=None) as client:
        assert [client.get(path).status_code for path in ("/studio/inbox", "/api/messages")] == [
            404,
            404,
        ]
        assert "Inbox" not in client.get("/studio/templates/greeting").text


def test_a_search_stays_in_its_field_and_one_that_finds_nothing_leads_back_to_all(
    client: Client, inbox: Path
) -> None:
    capture(inbox, "Welcome")
    page = client.get("/studio/inbox?search=HELLO+ada").text
    assert re.findall(r'</span> <b dir="auto">(\w+)</b>', page) == ["Welcome"]
    assert 'value="HELLO ada"' in page
    page = client.get("/studio/inbox?search=invoice").text
    assert "No mail matches “invoice”" in page
    assert "Show all 1" in page


def test_an_attachment_is_saved_and_never_shown(client: Client, captured: CapturedMails) -> None:
    message = mail("Evil")
    message.add_attachment("<script>alert(1)</script>", subtype="html", filename='../März "1".html')
    mail_id = captured.add(bytes(message))
    page = client.get(f"/studio/inbox/{mail_id}?tab=attachments").text
    assert "März -1-.html" in page
    part = client.get(f"/studio/inbox/{mail_id}/parts/2")
    assert part.content.strip() == b"<script>alert(1)</script>"
    assert part.headers["content-type"] == "application/octet-stream", (
        "no type that a browser shows or runs"
    )
    assert part.headers["content-disposition"].endswith(
        "=\"M_rz -1-.html\"; filename*=UTF-8''M%C3%A4rz%20-1-.html"
    )
    assert "sandbox" in part.headers["content-security-policy"]
    assert part.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"/studio/inbox/{mail_id}/parts/9").status_code == 404


def test_a_mail_that_is_cut_says_so(client: Client, captured: CapturedMails) -> None:
    """A mail with more headers than are read is shown with a note of what is missing."""
    mail_id = captured.add(b"Subject: Long\r\n" + b"a: b\r\n" * 600 + b"\r\nHello Ada")
    page = client.get(f"/studio/inbox/{mail_id}").text
    assert (
        "not shown in full. A part of it has more than 500 headers. The others are not shown."
        in page
    )
    assert "Hello Ada" in page


def test_a_mail_is_deleted_with_its_file_alone_by_a_search_or_with_all(
    client: Client, inbox: Path
) -> None:
    name, *_ = [capture(inbox, subject) for subject in ("One", "Welcome", "Goodbye")]
    page = client.get(f"/studio/inbox/{name}").text
    assert (
        f'action="/studio/inbox/{name}/delete"'
        in page[page.index('<details id="delete" class="ask">') :]
    )
    assert (
        client.post(
            f"/studio/inbox/{name}/delete", headers=OURS, follow_redirects=False
        ).status_code
        == 303
    )
    assert not (inbox / name).exists()
    client.post("/studio/inbox/delete?search=subject:welcome", headers=OURS)
    client.post("/studio/inbox/delete?search=-is:nonsense", headers=OURS)  # these are words
    assert re.findall(r'</span> <b dir="auto">(\w+)</b>', client.get("/studio/inbox").text) == [
        "Goodbye"
    ]
    client.post("/studio/inbox/delete", headers=OURS)
    assert "No mail yet" in client.get("/studio/inbox").text


def test_a_hundred_mails_are_a_page_and_the_older_ones_on_the_next(
    client: Client, captured: CapturedMails
) -> None:
    for number in range(101):
        captured.add(b"Subject: number%d\r\n\r\n" % number)
    first, last = (client.get(f"/studio/inbox?page={page}").text for page in (1, 2))
    assert 'rel="next" href="?page=2"' in first
    assert ["number100<" in first, "number0<" in first] == [True, False]
    assert ["number1<" in last, "number0<" in last] == [False, True]


@pytest.mark.long
@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: " + b"long " * 400_000 + b"\r\n\r\nx",
        b"X: y\r\n" * 60_000 + b"\r\nx",
        b"X: " + b"y" * 2_000_000 + b"\r\n\r\nx",
        b"\r\n" + b"https://a.example/x " * 100_000,
        b"Content-Type: text/html\r\n\r\n" + b"<a href=/%d>x</a>" * 10_000 % tuple(range(10_000)),
        b"To: " + b"ada@northwind.example, " * 100_000 + b"\r\n\r\nx",
    ],
)
def test_a_mail_of_megabytes_makes_no_page_of_megabytes(
    client: Client, captured: CapturedMails, raw: bytes
) -> None:
    mail_id = captured.add(raw)
    for path in (
        "inbox",
        f"inbox/{mail_id}",
        f"inbox/{mail_id}?show=text",
        f"inbox/{mail_id}?tab=links",
    ):
        assert len(client.get(f"/studio/{path}").text) < 1_500_000


@pytest.mark.long
def test_a_mail_of_megabytes_is_shown_and_not_rendered_again(
    client: Client, captured: CapturedMails
) -> None:
    mail_id = captured.add(b"Content-Type: text/html\r\n\r\n" + b"<p>words and words</p>" * 30_000)
    assert "words and words" in client.get(f"/studio/inbox/{mail_id}/frame?scheme=dark").text
    again = client.get(
        f"/studio/inbox/{mail_id}/frame?scheme=full", headers={"sec-fetch-dest": "iframe"}
    )
    assert (again.status_code, again.text[:42]) == (
        422,
        "This mail has more than 512 KB of HTML, so",
    )


# What the inboxes of clients show of a mail: what they cut, and what they add

PADDING, BLANKS = "&#847;&zwnj;&nbsp;&#8199;&shy;" * 40, "\u200c\u00a0" * 200
SAYS = (
    "<p>Hello Ada, somebody asked for a new password for your account. If it was you, choose "
    "it here.</p>"
)


def row(client: str, subject: str = "Welcome", preheader: str = "", html: str = SAYS) -> Row:
    return next(each for each in rows(subject, preheader, html) if each.client.startswith(client))


def body(preheader: str, after: str = SAYS) -> str:
    hidden = f'<div style="display:none">{preheader}</div>' if preheader else ""
    return (
        "<html><head><title>T</title><style>p "
        f"{{}}</style></head><body>{hidden}{after}</body></html>"
    )


@pytest.mark.parametrize(
    ("client", "of_subject", "of_preheader"),
    [("Apple", 48, 99), ("Outlook", 60, 35), ("Gmail, A", 37, 40)],
)
def test_what_is_longer_than_a_client_shows_is_cut_with_a_mark(
    client: str, of_subject: int, of_preheader: int
) -> None:
    cut = row(client, "S" * 200, "P" * 200, body("P" * 200))
    assert cut.subject == "S" * (of_subject - 1) + "…"
    assert (cut.preheader, cut.bleed) == ("P" * (of_preheader - 1) + "…", "")


IMAGE = (
    '<!-- [if mso]>x<![endif]--><style>p{}</style><img src="l.png" '
    'alt="Northwind"><p>Hel<b>lo</b></p>'
)


@pytest.mark.parametrize(
    ("preheader", "html", "shown", "bleed"),
    [
        ("x" * 35, body("x" * 35), "x" * 35, ""),
        ("Ready.", body("Ready."), "Ready.", "Hello Ada, somebody asked f…"),
        ("", body(""), "", "Hello Ada, somebody asked for a ne…"),
        ("Ready.", body("Ready. " + PADDING), "Ready.", ""),
        (f"Ready. {BLANKS}", body(f"Ready. {BLANKS}"), "Ready.", ""),
        ("", body("", IMAGE), "", "Northwind Hello"),
        ("", "", "", ""),
    ],
    ids=[
        "long",
        "short",
        "none",
        "padding after it",
        "padding within it",
        "styles and images",
        "no words",
    ],
)
def test_the_words_of_the_body_fill_what_a_preheader_leaves(
    preheader: str, html: str, shown: str, bleed: str
) -> None:
    outlook = row("Outlook", preheader=preheader, html=html)
    assert (outlook.preheader, outlook.bleed) == (shown, bleed)
