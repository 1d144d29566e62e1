"""A mail is read as far as it can be, as its readers' mail apps read it, whatever an app makes of it."""

import pytest
from tests.studio.inbox.mails import mail

from keyturn.studio.inbox.captured_mail import row_of
from keyturn.studio.inbox.mail import MailContent, links_of, safe_file_name, with_inline_images
from keyturn.studio.lint.checks.parts import size_of

PIXEL = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"


def test_both_texts_and_what_is_attached_are_told_apart() -> None:
    message = mail(html='<img src="cid:logo@x"><p>Hello</p>')
    message.get_payload()[1].add_related(PIXEL, "image", "gif", cid="<logo@x>")  # type: ignore[index,union-attr]
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Rechnung März.pdf")
    message.add_attachment(mail("Inner"))
    content = MailContent(bytes(message))
    assert content.text == "Hello Ada\n"
    assert "<p>Hello</p>" in content.html
    pictures, invoice, inner = content.attachments
    assert (pictures.content_id, pictures.inline, pictures.content) == ("logo@x", True, PIXEL)
    assert (invoice.name, invoice.content_type) == ("Rechnung März.pdf", "application/pdf")
    assert (invoice.size, invoice.inline) == (4, False)
    assert (inner.content_type, b"Subject: Inner" in inner.content) == ("message/rfc822", True)
    assert 'src="data:image/gif;base64,' in with_inline_images(content, content.html)


def test_an_svg_is_not_put_into_the_page() -> None:
    message = mail(html='<img src="cid:logo">')
    message.get_payload()[1].add_related(b"<svg/>", "image", "svg+xml", cid="<logo>")  # type: ignore[index,union-attr]
    content = MailContent(bytes(message))
    assert 'src="cid:logo"' in with_inline_images(content, content.html)


def test_a_picture_that_is_named_a_thousand_times_makes_no_page_of_gigabytes() -> None:
    message = mail(html='<img src="cid:logo">' * 1_000)
    message.get_payload()[1].add_related(PIXEL * 10_000, "image", "gif", cid="<logo>")  # type: ignore[index,union-attr]
    content = MailContent(bytes(message))
    assert len(with_inline_images(content, content.html)) < 16 * 1024**2


@pytest.mark.long
@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"To: ", b"("),
        (b"To: ", b"a@b.example,"),
        (b"Subject: ", b"=?utf-8?q?"),
        (b"Subject: ", b"\r\n "),
        (b"To: a@b.example", b"\r\nTo: a@b.example"),
        (b"Content-Type: text/plain; ", b"a*0=x;"),
        (b'Content-Type: text/plain; x="', b'"";'),
        (b'Content-Disposition: attachment; x="', b'"";'),
        (b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; x="', b'"";'),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--b\r\n"),
        (b"Content-Type: text/html\r\n\r\n", b"<div>"),
        (b"Content-Type: text/html\r\n\r\n", b"<"),
        (b"Content-Type: text/html\r\n\r\n", b"<style>"),
        (b"Content-Type: text/html\r\n\r\n", b"<style "),
        (b"Content-Type: text/html\r\n\r\n", b"<a href=x>"),
        (b"Content-Type: text/html\r\n\r\n", b"<i style=display:none>"),
        (b"\r\n", b"x"),
        (b"\r\n", b"x@"),
        (b"\r\n", b"mailto:"),
        (b"\r\n", b"123456 "),
    ],
)
def test_a_long_mail_is_read(start: bytes, more: bytes) -> None:
    """If the work grew with the square of its length, it would take longer than a test may."""
    _read(start + more * 200_000)


def _read(raw: bytes) -> str:
    content = MailContent(raw)
    row_of("x.eml", 1, 0, content)
    size_of(content.html, content.text)
    return f"{content.text}{content.html}{content.links}{content.codes}{content.preheader}"


def test_a_mail_of_a_thousand_levels_is_read_by_its_headers() -> None:
    levels = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1_000))
    content = MailContent(b"Subject: deep\r\n" + levels + b"x\r\n" * 10_000)
    assert content.header("subject") == "deep"
    assert content.attachments == ()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        *(("report.pdf", "report.pdf"), ("../../etc/passwd", "passwd")),
        ("C:\\Windows\\evil.exe", "evil.exe"),
        ("photo\u202egpj.exe", "photo-gpj.exe"),
        ("a\r\nContent-Type: x", "a-Content-Type- x"),
        *(("...", "part-2.pdf"), ("", "part-2.pdf")),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_a_file_has_a_name_that_is_safe_to_save_under(name: str, safe: str) -> None:
    assert safe_file_name(name, 2, "application/pdf") == safe


@pytest.mark.parametrize(
    "html",
    [
        "<h1>Hi</h1><p>Reset</p>",
        "<div style='display:none'>Hi<div>Reset</div></div>",
        "<h1>Hi</h1>Reset",
        "Hi<br>Reset",
        "<table><tr><td>Hi</td><td>Reset</td></tr></table>",
        "<center>Hi</center>Reset",
        "<p>Hi<img src='a.png' alt='Reset'></p>",
    ],
)
def test_words_of_two_blocks_stay_two_words(html: str) -> None:
    content = MailContent(bytes(mail(html=html, text="")))
    assert row_of("x.eml", 1, 0, content).snippet == "Hi Reset"
    assert links_of(f"<a href='https://a.example'>{html}</a>", "")[0].label == "Hi Reset"
    assert MailContent(bytes(mail(html=f"<div style='display:none'>{html}</div>"))).preheader == "Hi Reset"


OPEN = "https://account.northwind.example/open"


def test_a_link_that_stands_twice_is_counted_and_called_by_its_first_label() -> None:
    html = f'<a href="{OPEN}"></a> <a href="{OPEN}">Open <img src="x.png" alt="it"></a> <a href="{OPEN}">{OPEN}</a>'
    (link,) = links_of(f'<a name="top">Top</a> <a href=" ">Nothing</a> {html}', "")
    assert (link.label, link.times, link.in_both) == ("Open it", 3, False)


def test_what_only_the_text_has_comes_last() -> None:
    first, second = links_of('<a href="https://a.example/">A</a>', "https://b.example/ and https://a.example/")
    assert (first.address, first.in_both) == ("https://a.example/", True)
    assert (second.address, second.times) == ("https://b.example/", 0)


@pytest.mark.parametrize("text", [f"Open {OPEN}.", f"({OPEN})", f"<{OPEN}>", f"“{OPEN}”,", f"{OPEN}\n"])
def test_what_a_sentence_puts_around_a_link_is_no_part_of_it(text: str) -> None:
    assert [link.address for link in links_of("", text)] == [OPEN]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f'<a href="{OPEN}">Open it</a>', f"Open it: {OPEN}"),
        (f'<a href="{OPEN}?a=1&amp;b=2">Open</a>', f"{OPEN}?a=1&b=2"),
        ('<a href="mailto:help@northwind.example?subject=Help">Ask us</a>', "Ask help@northwind.example."),
        ('<a href="https://account.northwind\r\n.example/op\n\ten">Open</a>', OPEN),
    ],
    ids=["as it is", "entities in an attribute", "a mail address answers a mailto", "line breaks that browsers drop"],
)
def test_a_link_is_in_both_parts_however_it_is_written(html: str, text: str) -> None:
    (link,) = links_of(html, text)
    assert link.in_both


@pytest.mark.parametrize(
    ("label", "content", "text"),
    [
        ("gb2312", "朱镕基".encode("gbk"), "朱镕基"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("us-ascii", "Grüße".encode("cp1252"), "Grüße"),
        ("iso-8859-1", "„Grüße“ für 5 €".encode("cp1252"), "„Grüße“ für 5 €"),
        ("windows-874", "สวัสดี".encode("cp874"), "สวัสดี"),
        ("dos-874", "สวัสดี".encode("cp874"), "สวัสดี"),
        ("x-sjis", "①髙".encode("cp932"), "①髙"),
        ("ks_c_5601-1987", "똠방".encode("cp949"), "똠방"),
        ("unicode-1-1-utf-8", "Grüße".encode(), "Grüße"),
        ("utf8mb4", "Grüße".encode(), "Grüße"),
        ("utf-8", "Grüße".encode("cp1252"), "Gr��e"),
        ("klingon", "Grüße".encode("cp1252"), "Grüße"),
        ("euc-jp", "Grüße, wie immer".encode(), "Grüße, wie immer"),
    ],
)
def test_texts_are_decoded_by_the_labels_of_browsers_and_by_what_they_hold(
    label: str, content: bytes, text: str
) -> None:
    word = b"=?%b?q?%b?=" % (label.encode(), b"".join(b"=%02X" % byte for byte in content))
    raw = b"Subject: %b\r\nContent-Type: text/plain; charset=%b\r\n\r\n%b" % (word, label.encode(), content)
    mail = MailContent(raw)
    assert mail.text == text
    assert mail.header("subject") == text


@pytest.mark.parametrize(
    ("header", "addresses"),
    [
        ("bob@x.example <bob@x.example>, carol@x.example", ["bob@x.example <bob@x.example>", "carol@x.example"]),
        ("bob@x.example; carol@x.example", ["bob@x.example", "carol@x.example"]),
        ("bob@x.example,", ["bob@x.example"]),
        (", ,bob@x.example", ["bob@x.example"]),
        ('"Byrne, Ada" <ada@x.example>', ["Byrne, Ada <ada@x.example>"]),
        ('"Ada \\"A\\" Byrne" <ada@x.example>', ['Ada "A" Byrne <ada@x.example>']),
        ("ada@x.example (Ada Byrne)", ["Ada Byrne <ada@x.example>"]),
        ("undisclosed-recipients:;", []),
        ("Team: ada@x.example, bob@x.example;", ["ada@x.example", "bob@x.example"]),
        ('"a b"@x.example', ['"a b"@x.example']),
        ("=?utf-8?q?B=2C_J=C3=BC?= <j@x.example>", ["B, Jü <j@x.example>"]),
        ("Ada <ada@x.example", ["Ada <ada@x.example"]),
        ('"Ada <ada@x.example>', ['"Ada <ada@x.example>']),
        ("=?iso-8859-1?q?J=FCrgen?= <j@b.example>,\r\n p@b.example", ["Jürgen <j@b.example>", "p@b.example"]),
        ("ada@[IPv6:2001:db8::1]", ["ada@[IPv6:2001:db8::1]"]),
        ("<>", []),
    ],
)
def test_the_addresses_of_a_header_are_found_with_every_version_of_python(header: str, addresses: list[str]) -> None:
    found = MailContent(f"To: {header}\r\n\r\n".encode()).addresses("to")
    assert [str(each) for each in found] == addresses


@pytest.mark.parametrize(
    "disposition",
    [
        'attachment; filename="=?utf-8?q?Rechnung_M=C3=A4rz.pdf?="',
        "attachment; filename=Rechnung.pdf; filename*=utf-8''Rechnung%20M%C3%A4rz.pdf",
        "attachment; filename*=utf-8''Rechnung%20M%C3%A4rz.pdf; filename=Rechnung.pdf",
        "attachment; filename*=iso-8859-1'de'Rechnung%20M%E4rz.pdf",
        "attachment; filename*0*=utf-8''Rechnung%20M%C3; filename*1*=%A4rz.pdf",
        'attachment; filename="Rechnung März.pdf"',
        "attachment",
    ],
)
def test_a_file_has_the_name_that_its_sender_wrote(disposition: str) -> None:
    typed = 'application/pdf; name="=?utf-8?b?UmVjaG51bmcgTcOkcnoucGRm?="'
    mail = MailContent(f"Content-Type: {typed}\r\nContent-Disposition: {disposition}\r\n\r\n%PDF".encode())
    assert [file.name for file in mail.attachments] == ["Rechnung März.pdf"]


def test_a_delivery_status_has_all_its_blocks() -> None:
    status = b"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; ada@x.example\r\nStatus: 5.1.1\r\n"
    (file,) = MailContent(b"Content-Type: message/delivery-status\r\n\r\n" + status).attachments
    assert b"Reporting-MTA: dns; mx.example" in file.content
    assert b"Status: 5.1.1" in file.content


ENCODED = b"Subject: News\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: %b\r\n\r\na=3Db"


@pytest.mark.parametrize(
    ("raw", "subject", "text"),
    [
        (b"From: ada@x.example\r\nThis is none\r\nSubject: News\r\n two\r\n\r\nHello", "News two", "Hello"),
        (b"Subject: News\r\nHello Ada\r\n\r\nAll is well", "News", "Hello Ada\n\nAll is well"),
        *(
            (ENCODED % encoding, "News", "a=b")
            for encoding in (b"quoted-printable ", b" Quoted-Printable\t", b'"quoted-printable"', b"quoted-printable;")
        ),
    ],
)
def test_headers_and_text_are_told_apart_whatever_stands_around_them(raw: bytes, subject: str, text: str) -> None:
    assert (MailContent(raw).header("subject"), MailContent(raw).text) == (subject, text)


def test_all_texts_of_a_mail_are_shown() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
        b"--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
        b"--a\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
        b"--a\r\nContent-Type: text/html; name=body.html\r\n\r\n<p>Hello</p>\r\n--a--\r\n"
        b"--m\r\nContent-Type: text/plain\r\n\r\n1 < 2: the list's footer\r\n--m--\r\n"
    )
    mail = MailContent(raw)
    assert mail.text.split("\n") == ["Hello", "1 < 2: the list's footer"]
    assert "<p>Hello</p>" in mail.html
    assert "1 &lt; 2: the list" in mail.html
    assert mail.attachments == ()


@pytest.mark.parametrize("labelled", ["image/jpg", "application/octet-stream"])
def test_an_embedded_image_is_shown_by_what_it_is(labelled: str) -> None:
    raw = (
        b"Content-Type: multipart/related; boundary=r\r\n\r\n"
        b'--r\r\nContent-Type: text/html\r\n\r\n<img src="cid:logo">\r\n'
        b"--r\r\nContent-Type: %b\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%b\r\n--r--\r\n"
    ) % (labelled.encode(), PIXEL)
    mail = MailContent(raw)
    assert '<img src="data:image/gif;base64,' in with_inline_images(mail, mail.html)
