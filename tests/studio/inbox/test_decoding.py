"""Captured mails are read as their readers' mail apps read them, whatever labels and forms an app chose."""

import pytest

from keyturn.studio.inbox.mail import MailContent, with_inline_images

PIXEL = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"


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


@pytest.mark.parametrize(
    "encoding", ["quoted-printable ", " Quoted-Printable\t", '"quoted-printable"', "quoted-printable;"]
)
def test_a_transfer_encoding_is_read_with_what_stands_around_it(encoding: str) -> None:
    mail = MailContent(f"Content-Type: text/plain\r\nContent-Transfer-Encoding: {encoding}\r\n\r\na=3Db".encode())
    assert mail.text == "a=b"


def test_a_delivery_status_has_all_its_blocks() -> None:
    status = b"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; ada@x.example\r\nStatus: 5.1.1\r\n"
    (file,) = MailContent(b"Content-Type: message/delivery-status\r\n\r\n" + status).attachments
    assert b"Reporting-MTA: dns; mx.example" in file.content
    assert b"Status: 5.1.1" in file.content


@pytest.mark.parametrize(
    ("raw", "subject", "text"),
    [
        (b"From: ada@x.example\r\nThis is none\r\nSubject: News\r\n two\r\n\r\nHello", "News two", "Hello"),
        (b"Subject: News\r\nHello Ada\r\n\r\nAll is well", "News", "Hello Ada\n\nAll is well"),
    ],
)
def test_headers_and_text_are_told_apart_where_a_line_is_neither(raw: bytes, subject: str, text: str) -> None:
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


@pytest.mark.parametrize("labelled", ["image/jpg", "application/octet-stream", "image/gif"])
def test_an_embedded_image_is_shown_by_what_it_is(labelled: str) -> None:
    raw = (
        b"Content-Type: multipart/related; boundary=r\r\n\r\n"
        b'--r\r\nContent-Type: text/html\r\n\r\n<img src="cid:logo">\r\n'
        b"--r\r\nContent-Type: %b\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%b\r\n--r--\r\n"
    ) % (labelled.encode(), PIXEL)
    mail = MailContent(raw)
    assert '<img src="data:image/gif;base64,' in with_inline_images(mail, mail.html)
