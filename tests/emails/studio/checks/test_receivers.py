"""What receivers said of a mail, and what the next one looks at, in words."""

import pytest
from tests.emails.inbox.mails import mail
from tests.emails.studio.fixtures import Client

from keyturn.emails.inbox.mail import MailContent
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.inbox.summary import Envelope, summarize
from keyturn.emails.studio import Studio
from keyturn.emails.studio.checks.receivers import Receivers, receivers_of

GOOD = (
    "From: App <app@a.example>\r\nTo: ada@b.example\r\nDate: Fri, 20 Nov 2026 14:02:11 +0000\r\n"
    "Message-ID: <1@a>\r\nSubject: Hi\r\n"
)
BODY = "\r\nHello\r\n"


def told(headers: str = "", body: str = BODY, *, bounces: str = "app@a.example", start: str = GOOD) -> Receivers:
    content = MailContent((headers + start + body).encode())
    return receivers_of(content, summarize(content, Envelope(sender=bounces, recipients=("ada@b.example",))))


def results(headers: str) -> list[tuple[str, str, str]]:
    return [(one.topic, one.tone, one.result) for one in told(headers).results]


def looks_at(headers: str = "", body: str = BODY, **more: str) -> dict[str, tuple[str, str]]:
    return {one.topic: (one.tone, one.words) for one in told(headers, body, **more).looks_at}


GMAIL = (
    "Authentication-Results: mx.google.com;\r\n"
    '       dkim=pass header.i=@a.example header.s=s1 header.b="ab;spf=fail";\r\n'
    "       spf=softfail (google.com: domain of (nested; spf=pass) b@mailer.test) smtp.mailfrom=b@mailer.test;\r\n"
    "       dmarc=fail (p=NONE sp=NONE dis=NONE) header.from=a.example\r\n"
)


def test_each_result_is_explained_with_its_server_and_its_domain() -> None:
    dkim, spf, dmarc = told(GMAIL).results

    assert (dkim.topic, dkim.tone, dkim.by, dkim.result) == ("DKIM", "good", "mx.google.com", "pass")
    assert dkim.words == "The signature of a.example is valid, so the mail was not changed on the way."
    assert (spf.tone, spf.result) == ("bad", "softfail")
    assert spf.words.startswith("The SPF record of mailer.test does not expect mail from this server.")
    assert (dmarc.tone, dmarc.words[:23]) == ("bad", "From is not proven: nei")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("", []),
        ("Authentication-Results: mx.example; none\r\n", []),
        ("Authentication-Results: mx.example 1; spf=pass smtp.helo=a.example\r\n", [("SPF", "good", "pass")]),
        ("Authentication-Results: mx.example; dkim/1 = Neutral\r\n", [("DKIM", "open", "neutral")]),
        ("Authentication-Results: mx.example; dkim=none; spf=none; dmarc=temperror\r\n",
         [("DKIM", "bad", "none"), ("SPF", "bad", "none"), ("DMARC", "open", "temperror")]),
        ("Authentication-Results: mx.example; x-new=perhaps\r\n", [("X-NEW", "open", "perhaps")]),
        ("Authentication-Results: (a\r\n", []),
        ("Authentication-Results: ;;; = ;spf\r\n", []),
        ("Received-SPF: Fail (mx.example: 1.2.3.4 is not allowed) envelope-from=<b@a.example>;\r\n",
         [("SPF", "bad", "fail")]),
        ("ARC-Authentication-Results: i=1; mx.example; arc=pass; spf=pass\r\n",
         [("ARC", "good", "pass"), ("SPF", "good", "pass")]),
    ],
)  # fmt: skip
def test_results_are_read_as_far_as_they_can_be(headers: str, expected: list[tuple[str, str, str]]) -> None:
    assert results(headers) == expected


def test_received_spf_counts_only_without_the_newer_header() -> None:
    assert results("Received-SPF: pass\r\n" + GMAIL) == results(GMAIL)


def test_thousands_of_results_are_bounded() -> None:
    headers = "".join(f"Authentication-Results: mx{n}.example; spf=pass; dkim=fail\r\n" for n in range(2_000))
    long = f"Authentication-Results: {'(' * 200_000}; spf=pass\r\nX-Spam-Status: No, {'score=1 ' * 50_000}\r\n"

    assert len(told(headers).results) <= 30
    assert told(long).results == ()


@pytest.mark.parametrize(
    ("headers", "name", "tone", "words"),
    [
        ("X-Spam-Status: Yes, score=6.2 required=5.0 tests=BAYES_99=3.5,MIME_HTML_ONLY=2.7 autolearn=no\r\n",
         "SpamAssassin", "bad", "It gave 6.2 points. From 5 points on, it calls a mail spam."),
        ("X-Spam-Status: No, score=-0.1 required=5.0\r\nX-Spam-Score: -0.1\r\n",
         "SpamAssassin", "good", "It gave -0.1 points. From 5 points on, it calls a mail spam."),
        ("X-Spamd-Result: default: False [1.50 / 15.00]; R_SPF_ALLOW(-0.20)[+ip4]\r\n",
         "Rspamd", "good", "It gave 1.5 points. From 15 points on, it refuses a mail."),
        ("X-Spam-Score: 3.1 (+++)\r\n",
         "Spam filter", "open", "It gave 3.1 points, without its limit. More points are worse."),
        ("X-Spam-Flag: YES\r\n", "Spam filter", "bad", "It calls this mail spam."),
        ("X-Forefront-Antispam-Report: CIP:1.2.3.4;SCL:5;SRV:\r\n", "Microsoft", "bad",
         "The spam confidence level is 5, from -1 to 9. From 5 on, the mail is junk."),
    ],
)  # fmt: skip
def test_the_score_of_a_spam_filter_is_explained(headers: str, name: str, tone: str, words: str) -> None:
    (score,) = told(headers).spam
    assert (score.topic, score.tone, score.words) == (name, tone, words)


@pytest.mark.parametrize("value", ["", "perhaps", "score=", "score=1e400 required=x", "9" * 5000])
def test_a_score_that_cannot_be_read_is_left_out(value: str) -> None:
    assert told(f"X-Spam-Status: {value}\r\nX-Spamd-Result: {value}\r\n").spam == ()


def test_the_tests_that_gave_most_points_come_first() -> None:
    (score,) = told("X-Spam-Status: Yes, score=6 required=5 tests=SMALL_ONE=0.1,BAYES_99=3.5,GOOD_ONE=-2\r\n").spam
    assert [(test.name, test.points) for test in score.tests] == [
        ("BAYES_99", 3.5),
        ("GOOD_ONE", -2),
        ("SMALL_ONE", 0.1),
    ]


def test_a_mail_straight_from_the_app_shows_what_a_receiver_looks_at() -> None:
    found = looks_at()

    assert {topic: tone for topic, (tone, _) in found.items()} == {
        "Sender": "good", "Signature": "open", "Headers": "good", "Text part": "good", "Unsubscribing": "open",
        "Reputation": "open",
    }  # fmt: skip
    assert found["Signature"][1].endswith("if you have set it up for a.example.")
    assert "no tool can tell a receiver's score" in found["Reputation"][1]


@pytest.mark.parametrize(
    ("headers", "topic", "tone"),
    [
        ("DKIM-Signature: v=1; d=mail.a.example; s=x\r\n", "Signature", "good"),
        ("DKIM-Signature: v=1; d=mailer.test; s=x\r\n", "Signature", "bad"),
        ("List-Unsubscribe: <mailto:off@a.example>\r\n", "Unsubscribing", "bad"),
        ("List-Unsubscribe: <https://a.example/off>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
         "Unsubscribing", "good"),
    ],
)  # fmt: skip
def test_headers_decide_what_is_in_order(headers: str, topic: str, tone: str) -> None:
    assert looks_at(headers)[topic][0] == tone


def test_bounces_that_go_elsewhere_leave_it_to_the_signature() -> None:
    assert looks_at(bounces="b@mailer.test")["Sender"][0] == "open"
    assert looks_at(bounces="")["Sender"] == (
        "open",
        "From is at a.example. The mail does not show where bounces go (Return-Path).",
    )
    assert looks_at("Return-Path: <b@mail.a.example>\r\n", bounces="")["Sender"][0] == "good"


def test_what_is_missing_is_named() -> None:
    found = looks_at(start="", body="Content-Type: text/html\r\n\r\n<p>x</p>")

    assert found["Sender"] == ("bad", "From has no address.")
    assert found["Headers"] == ("bad", "Missing: Message-ID, Date, Subject. Let your mail library write them.")
    assert found["Text part"][0] == "bad"


@pytest.fixture
def captured(studio: Studio) -> CapturedMails:
    assert studio.captured
    return studio.captured


def test_the_page_says_so_and_escapes_what_comes_from_outside(client: Client, captured: CapturedMails) -> None:
    message = mail()
    message["Authentication-Results"] = "<b>mx</b>; spf=fail smtp.mailfrom=<script>@a.example"
    message["X-Spam-Status"] = "Yes, score=6.2 required=5.0 tests=BAYES_99=3.5,MIME_HTML_ONLY"
    page = client.get(f"/studio/inbox/{captured.add(bytes(message))}?tab=checks").text

    assert "What receivers said" in page
    assert "&lt;b&gt;mx&lt;/b&gt;" in page
    assert "From 5 points on, it calls a mail spam." in page
    assert "<code>BAYES_99</code> 3.5, <code>MIME_HTML_ONLY</code></p>" in page
    assert "<b>mx" not in page


def test_the_page_of_a_mail_without_results_says_how_to_get_them(client: Client, captured: CapturedMails) -> None:
    page = client.get(f"/studio/inbox/{captured.add(bytes(mail()))}?tab=checks").text
    assert "no receiver has judged it" in page
    assert "What a receiver looks at" in page


def test_the_api_returns_the_same(client: Client, captured: CapturedMails) -> None:
    message = mail()
    message["Authentication-Results"] = "mx.example; spf=pass smtp.mailfrom=a@a.example"
    captured.add(bytes(message))
    receivers = client.get("/api/message/latest/checks").json()["receivers"]

    assert receivers["results"] == [
        {"topic": "SPF", "tone": "good", "words": "The server that sent the mail may send for a.example.",
         "by": "mx.example", "result": "pass", "tests": []}
    ]  # fmt: skip
    assert [one["topic"] for one in receivers["looks_at"]][-1] == "Reputation"
