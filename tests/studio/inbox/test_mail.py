"""A mail is read as far as it can be, as its readers' mail apps read it, whatever an app makes of
it.
"""

import pytest
from tests.studio.inbox.mails import mail

from keyturn.studio.inbox.captured_mail import row_of
from keyturn.studio.inbox.mail import MailContent, links_of, safe_file_name, with_inline_images
from keyturn.studio.inbox.structure import MOST_HEADERS, MOST_OF_HEADS, MOST_PARTS
from keyturn.studio.lint.checks.parts import size_of

PIXEL = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"


def test_both_texts_and_what_is_attached_are_told_apart() -> None:
    message = mail(html='<img src="cid:logo@x"><p>Hello</p>')
    message.get_payload()[1].add_related(PIXEL, "image", "gif", cid="<logo@x>")  # type: ignore[index,union-attr]
    message.add_attachment(
        b"%PDF", maintype="application", subtype="pdf", filename="Rechnung März.pdf"
    )
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
        (
            (
                b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                b'Content-Type: text/plain; x="'
            ),
            b'"";',
        ),
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


def levels(count: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(count)
    )


MIXED = b"Subject: deep\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
QUOTES = b'"' + b";" * 2_000
SIGNS = (
    b"--b\r\nContent-Type: text/plain; name="
    + QUOTES
    + b"\r\nContent-Disposition: attachment; filename="
    + QUOTES
)


@pytest.mark.parametrize(
    ("raw", "cut"),
    [
        (b"Subject: deep\r\n" + b"a:\r\n" * 100_000, "more than 500 headers"),
        (b"Subject: deep\n" + b"x: y\n" * 100_000, "more than 500 headers"),
        (b"Subject: deep\nX: x\n" + b" a\n" * 200_000, "more than 256 kB"),
        (b"Subject: deep\nX: " + b"a" * 500_000 + b"\nY: y", "more than 256 kB"),
        (b"Subject: deep\r\n" + levels(198) + b"x\r\n" * 1_000, "more than 20 levels"),
        (b"Subject: deep\r\n" + levels(22) + b"x\r\n" * 100_000, "more than 20 levels"),
        (MIXED + (SIGNS + b"\r\n\r\nx\r\n") * 190, "more than 256 kB"),
        (MIXED + b"--b\r\n" * 100_000, "more than 200 parts"),
        (MIXED + (b"--b\r\n" + b"a:\r\n" * 1_000 + b"\r\nx\r\n") * 2, "more than 500 headers"),
    ],
)
def test_a_mail_beyond_the_bounds_is_cut(raw: bytes, cut: str) -> None:
    """Python's parser gets no more of a mail than its bounds, and the mail says what is not
    shown.
    """
    content = MailContent(raw)
    assert content.header("subject") == "deep"
    assert any(cut in said for said in content.cuts)
    assert content.parsed <= MOST_OF_HEADS
    assert len(content.headers) <= MOST_HEADERS
    assert len(content.attachments) <= MOST_PARTS


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: deep\r\n" + levels(20) + b"\r\nHello",
        MIXED + b"--b\r\n\r\nHello\r\n" * 200 + b"--b--\r\n",
        b"".join(b"X-%d: x\r\n" % number for number in range(500)) + b"\r\nHello\r\n" * 100_000,
    ],
)
def test_a_mail_within_the_bounds_is_whole(raw: bytes) -> None:
    """A mail within the bounds is read in full."""
    content = MailContent(raw)
    assert content.cuts == ()
    assert content.text.count("Hello") == raw.count(b"Hello")


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        (
            MIXED + b"before\r\n--b\r\n\r\none\r\n--b \t\r\n\r\ntwo\r\n--b--\r\nafter",
            ["one", "two"],
        ),
        (MIXED + b"--b\r\n\r\none\r\n--bc\r\n--b\r\n\r\ntwo", ["one\n--bc", "two"]),
        (MIXED + b"--b\r\nno header\r\n\r\none\r\n--b--", ["no header\n\none"]),
        (MIXED + b"none of its parts", ["none of its parts"]),
        (MIXED.replace(b"\r", b"") + b"--b\n\none\n--b\n\ntwo\n--b--\n", ["one", "two"]),
        (MIXED.replace(b"=b", b'="b c"') + b"--b c\r\n\r\none\r\n--b c--", ["one"]),
        (b"From ada@x.example Fri Nov 20 14:02:11 2026\n" + MIXED + b"--b\r\n\r\none", ["one"]),
        (b"Subject: deep\r\nContent-Type: multipart/mixed\r\n\r\nno boundary", ["no boundary"]),
        (MIXED.replace(b"=b", b"*=utf-7''%2B2AA-") + b"a lone surrogate", ["a lone surrogate"]),
    ],
)
def test_parts_are_told_apart(raw: bytes, texts: list[str]) -> None:
    """The parts of a mail are what stands between its delimiters (RFC 2046, 5.1.1)."""
    content = MailContent(raw)
    assert content.header("subject") == "deep"
    assert content.text == "\n".join(texts)


def test_a_line_break_in_a_word_is_a_blank() -> None:
    """A line break in an encoded word of the subject makes no second line."""
    assert (
        MailContent(b"Subject: Your free =?utf-8?Q?pro=0Aduct=0A?=\r\n\r\n").header("subject")
        == "Your free pro duct"
    )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("=?utf-8?q?Your_file?= in C:\\users", "Your file in C:\\users"),
        ("\\u0041 =?utf-8?q?b?= \\u20ac", "\\u0041 b \\u20ac"),
        ("=?utf-8?q?a?= =?utf-8?b?w6k=?= \u20ac", "a\u00e9 \u20ac"),
        ("=?utf-8?b?a?= and =?utf-8?q?b?=", "=?utf-8?b?a?= and b"),
    ],
)
def test_encoded_words_among_other_text(written: str, shown: str) -> None:
    """Only encoded words are decoded: a backslash beside one is an ordinary character."""
    assert MailContent(f"Subject: {written}\r\n\r\n".encode()).header("subject") == shown


@pytest.mark.parametrize(
    ("kind", "file"), [("pdf", "a.pdf"), ("application/x/y", "a.pdf"), ("text", ""), ("pdf", "")]
)
def test_a_named_part_of_an_odd_type_is_a_file(kind: str, file: str) -> None:
    """A part with a name and a type that is none is an attachment.

    Without a name it is text (RFC 2045, 5.2).
    """
    name = f'; name="{file}"' if file else ""
    content = MailContent(f"Content-Type: {kind}{name}\r\n\r\n%PDF".encode())
    assert [one.name for one in content.attachments] == ([file] if file else [])
    assert content.text == ("" if file else "%PDF")


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
    assert (
        MailContent(bytes(mail(html=f"<div style='display:none'>{html}</div>"))).preheader
        == "Hi Reset"
    )


OPEN = "https://account.northwind.example/open"


def test_a_link_that_stands_twice_is_counted_and_called_by_its_first_label() -> None:
    html = (
        f'<a href="{OPEN}"></a> <a href="{OPEN}">Open <img src="x.png" alt="it"></a> <a '
        f'href="{OPEN}">{OPEN}</a>'
    )
    (link,) = links_of(f'<a name="top">Top</a> <a href=" ">Nothing</a> {html}', "")
    assert (link.label, link.times, link.in_both) == ("Open it", 3, False)


def test_what_only_the_text_has_comes_last() -> None:
    first, second = links_of(
        '<a href="https://a.example/">A</a>', "https://b.example/ and https://a.example/"
    )
    assert (first.address, first.in_both) == ("https://a.example/", True)
    assert (second.address, second.times) == ("https://b.example/", 0)


@pytest.mark.parametrize(
    "text", [f"Open {OPEN}.", f"({OPEN})", f"<{OPEN}>", f"“{OPEN}”,", f"{OPEN}\n"]
)
def test_what_a_sentence_puts_around_a_link_is_no_part_of_it(text: str) -> None:
    assert [link.address for link in links_of("", text)] == [OPEN]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f'<a href="{OPEN}">Open it</a>', f"Open it: {OPEN}"),
        (f'<a href="{OPEN}?a=1&amp;b=2">Open</a>', f"{OPEN}?a=1&b=2"),
        (
            '<a href="mailto:help@northwind.example?subject=Help">Ask us</a>',
            "Ask help@northwind.example.",
        ),
        ('<a href="https://account.northwind\r\n.example/op\n\ten">Open</a>', OPEN),
    ],
    ids=[
        "as it is",
        "entities in an attribute",
        "a mail address answers a mailto",
        "line breaks that browsers drop",
    ],
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
    raw = b"Subject: %b\r\nContent-Type: text/plain; charset=%b\r\n\r\n%b" % (
        word,
        label.encode(),
        content,
    )
    mail = MailContent(raw)
    assert mail.text == text
    assert mail.header("subject") == text


@pytest.mark.parametrize(
    ("header", "addresses"),
    [
        (
            "bob@x.example <bob@x.example>, carol@x.example",
            ["bob@x.example <bob@x.example>", "carol@x.example"],
        ),
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
        (
            "=?iso-8859-1?q?J=FCrgen?= <j@b.example>,\r\n p@b.example",
            ["Jürgen <j@b.example>", "p@b.example"],
        ),
        ("ada@[IPv6:2001:db8::1]", ["ada@[IPv6:2001:db8::1]"]),
        ("<>", []),
    ],
)
def test_the_addresses_of_a_header_are_found_with_every_version_of_python(
    header: str, addresses: list[str]
) -> None:
    found = MailContent(f"To: {header}\r\n\r\n".encode()).addresses("to")
    assert [str(each) for each in found] == addresses


@pytest.mark.parametrize("sign", ['\\"', "\\(", '"', "("])
def test_header_of_open_quotes(sign: str) -> None:
    """Thousands of quotes and comments that are not closed cost an address list no more than other
    signs.
    """
    found = MailContent(f"To: bob@x.example, {sign * 8_001}\r\n\r\n".encode()).addresses("to")
    assert found[0].address == "bob@x.example"


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
    mail = MailContent(
        f"Content-Type: {typed}\r\nContent-Disposition: {disposition}\r\n\r\n%PDF".encode()
    )
    assert [file.name for file in mail.attachments] == ["Rechnung März.pdf"]


def test_a_delivery_status_has_all_its_blocks() -> None:
    status = (
        b"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; ada@x.example\r\n"
        b"Status: 5.1.1\r\n"
    )
    (file,) = MailContent(b"Content-Type: message/delivery-status\r\n\r\n" + status).attachments
    assert b"Reporting-MTA: dns; mx.example" in file.content
    assert b"Status: 5.1.1" in file.content


ENCODED = b"Subject: News\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: %b\r\n\r\na=3Db"


@pytest.mark.parametrize(
    ("raw", "subject", "text"),
    [
        (
            b"From: ada@x.example\r\nThis is none\r\nSubject: News\r\n two\r\n\r\nHello",
            "News two",
            "Hello",
        ),
        (b"Subject: News\r\nHello Ada\r\n\r\nAll is well", "News", "Hello Ada\n\nAll is well"),
        *(
            (ENCODED % encoding, "News", "a=b")
            for encoding in (
                b"quoted-printable ",
                b" Quoted-Printable\t",
                b'"quoted-printable"',
                b"quoted-printable;",
            )
        ),
    ],
)
def test_headers_and_text_are_told_apart_whatever_stands_around_them(
    raw: bytes, subject: str, text: str
) -> None:
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
        b"--r\r\nContent-Type: %b\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"%b\r\n--r--\r\n"
    ) % (labelled.encode(), PIXEL)
    mail = MailContent(raw)
    assert '<img src="data:image/gif;base64,' in with_inline_images(mail, mail.html)
