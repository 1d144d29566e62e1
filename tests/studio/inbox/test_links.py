"""Which links a mail has, and whether a reader of the text gets them too."""

import pytest

from keyturn.studio.inbox.mail import links_of

OPEN = "https://account.northwind.example/open"


def test_a_link_that_stands_twice_is_counted_and_called_by_its_first_label() -> None:
    html = f'<a href="{OPEN}"></a> <a href="{OPEN}">Open <img src="x.png" alt="it"></a> <a href="{OPEN}">{OPEN}</a>'
    (link,) = links_of(f'<a name="top">Top</a> <a href=" ">Nothing</a> {html}', "")
    assert (link.label, link.times, link.in_both) == ("Open it", 3, False)


def test_what_only_the_text_has_comes_last() -> None:
    html = '<a href="https://a.example/">A</a>'
    first, second = links_of(html, "https://b.example/ and https://a.example/")
    assert (first.address, first.in_both) == ("https://a.example/", True)
    assert (second.address, second.in_html) == ("https://b.example/", False)


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
