"""HTML is read as forgivingly as a browser reads it, and every piece of it says where it stands."""

import random

import pytest

from keyturn.mail.rendering.html_tree import Element, Text, parse_html, parse_markup

PAGE = """<html><head><title>Hi</title><style>p > b { color: red }</style></head>
<body><p class="a" lang='de' hidden width=3>One &amp; <b>two</b><br>three</p><!-- no -->\
<img alt="Four" src="4.png">
<!--[if mso]><p>Outlook</p><![endif]--></body></html>"""


def only(html: str, tag: str) -> Element:
    (element,) = (element for element in parse_html(html).walk() if element.tag == tag)
    return element


def test_every_offset_is_where_it_is_written() -> None:
    p = only(PAGE, "p")
    assert PAGE[p.offset : p.inner.start].startswith("<p class=")
    assert PAGE[p.inner.start : p.inner.stop] == "One &amp; <b>two</b><br>three"
    assert PAGE[p.offset : p.end].endswith("three</p>")
    written = [PAGE[one.offset : one.end] for one in p.attributes.values()]
    assert written == ['class="a"', "lang='de'", "hidden", "width=3"]
    assert [PAGE[one.value_offset :][:1] for one in p.attributes.values()] == ["a", "d", "h", "3"]
    assert [(text.text, PAGE[text.offset :][:3]) for text in p.texts] == [
        ("One & ", "One"),
        ("three", "thr"),
    ]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (PAGE, "One & two three Four"),
        ("<div></p>One</div>", "One"),
        ("<![x[ ]]> <p>Hello</p> <![if !mso]><p>there</p><![endif]>", "Hello there"),
    ],
    ids=[
        "with what images stand for",
        "an end tag that closes nothing",
        "a section that HTML does not have",
    ],
)
def test_the_text_of_a_mail_is_what_is_read_of_it(html: str, text: str) -> None:
    assert parse_html(html).text() == text


def test_an_element_without_an_end_ends_where_its_like_begins_or_what_is_around_it_ends() -> None:
    first, second = (
        li for li in parse_html("<ul><li>One<li>Two</ul><p>Three").walk() if li.tag == "li"
    )
    assert first.text() == "One"
    assert first.end == second.offset
    assert second.end == len("<ul><li>One<li>Two")
    assert only("<ul><li>One</ul><p>Three", "p").end == len("<ul><li>One</ul><p>Three")


def test_html_in_mjml_is_part_of_its_tree_and_names_its_holder() -> None:
    mjml = "<mj-column><mj-text>Hello <B>Ada</B><br></mj-text><mj-image /></mj-column>"
    root, faults = parse_markup(mjml, is_mjml=True)
    places = [
        (one.tag, mjml[one.offset : one.end], one.holder and one.holder.tag)
        for one in root.children[0].walk()
    ]
    assert places[1:] == [
        ("mj-text", "<mj-text>Hello <B>Ada</B><br></mj-text>", None),
        ("b", "<B>Ada</B>", "mj-text"),
        ("br", "<br>", "mj-text"),
        ("mj-image", "<mj-image />", None),
    ]
    assert (root.text(), faults) == ("Hello Ada", ())


def test_a_missing_end_tag_in_mjml_hides_nothing_behind_the_element_around_it() -> None:
    root, faults = parse_markup(
        "<mj-column><mj-text><b>One</mj-text><mj-text>Two</mj-text></mj-column>", is_mjml=True
    )
    assert [one.text() for one in root.walk() if one.tag == "mj-text"] == ["One", "Two"]
    assert [(one.kind, one.offset, one.tag, one.detail) for one in faults] == [
        ("unclosed-tag", 20, "b", "mj-text")
    ]


@pytest.mark.parametrize("end", ["</title>", "</TITLE >", "</title\n>"])
def test_a_title_holds_text_alone(end: str) -> None:
    assert only(f"<title>Q&amp;A <b> today{end}<p>Hello</p>", "title").texts == [
        Text("Q&A <b> today", 7)
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("?id=1&timestamp=5&region=eu", "?id=1&timestamp=5&region=eu"),
        ("?id=1&copy=2", "?id=1&copy=2"),
        ("?id=1&amp;copy=2", "?id=1&copy=2"),
        ("a &copy b &lt", "a © b <"),
        ("&notit;&not;&nope;", "&notit;¬&nope;"),
        ("&#38;&#x26&&", "&&&&"),
    ],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_what_is_no_reference_in_an_attribute_stays_as_it_is(
    written: str, value: str, quote: str
) -> None:
    assert only(f"<a href={quote}{written}{quote}>Go</a>", "a").get("href") == value


@pytest.mark.parametrize(
    "never_ended", ["<a ", "</a ", "<!-- ", "<!-- > ", '<a b="', "<!x ", "<? ", "<![x"]
)
def test_megabytes_of_tags_that_nothing_ends_are_read(never_ended: str) -> None:
    """If each looked for its end in the rest, they would take longer than a test may."""
    root = parse_html("<p>Hello</p>" + never_ended * (2_000_000 // len(never_ended)))
    assert next(iter(root.children)).text() == "Hello"
    source = never_ended * (200_000 // len(never_ended)) + '"-->'
    assert parse_markup(source, is_mjml=True)[0].end == len(source)


def test_a_thousand_tags_that_nobody_closes_are_no_deep_tree() -> None:
    root = parse_html("<div>" * 1000 + "Hi")
    assert max(len(list(element.ancestors())) for element in root.walk()) < 200
    assert (len(list(root.walk())) >= 1000, root.text()) == (True, "Hi")


PIECES = (
    "<p>", "</p>", '<p class="a">', '<a href="x&amp;y">', "</a>", "<br/>", "<br />",
    '<img src="a" alt="">', "<li>", '<td CLASS="x"  style="a:b" >', "<tr>", "</td>", "<script>",
    "</script>", '<style type="t">', "</style>", "<title>", "</title>", "<textarea>", "</textarea>",
    "text", "&amp;", "&", "<", ">", '"', "<!-- c -->", "<!--", "<b c=d>", "<b c='d'>",
    '<b c="1"d="2">', '<b c="1" c="2">', '<b c = "1">', '<b c="1"/ >', '<b c="', "=", "/",
    '<o:p w:x="1"/>', "<p/>", "\n", " ", "\x0c", "<![CDATA[x]]>", "<?pi?>",
    "<mj-text>", "</mj-text>", "<mj-raw>", "<mj-body>", '<b\u00a0c="1">', '<b c="&lt;" d>',
)  # fmt: skip


@pytest.mark.parametrize("is_mjml", [False, True])
def test_of_any_text_the_tree_is_whole(is_mjml: bool) -> None:
    """Each element lies within the one around it, behind the one before it, and no text is read
    twice.
    """
    choose = random.Random(1)
    for _ in range(1_500):
        source = "".join(choose.choices(PIECES, k=choose.randint(1, 12)))
        root, _ = parse_markup(source, is_mjml=is_mjml)
        assert (root.inner, root.end) == (range(len(source)), len(source))
        for number, element in enumerate([root, *root.walk()]):
            assert element.number == number
            behind = element.inner.start
            for node in element.nodes:
                assert behind <= node.offset, source
                behind = node.end if isinstance(node, Element) else node.offset
            assert element.offset <= element.inner.start <= element.inner.stop <= element.end, (
                source
            )
            assert behind <= element.inner.stop, source
