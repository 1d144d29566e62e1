"""Mails in Liquid: drawn as their host draws them, and traced to their lines."""

from collections.abc import Mapping

import pytest
from tests.emails.engines.liquid.folders import Written, document

from keyturn.emails.gallery import Gallery
from keyturn.mail.rendering.compiling import Rendered


def draw(gallery: Gallery, name: str) -> Rendered:
    sample = next(iter(gallery.samples(name).values()))
    return gallery.renderers()(sample).render_values(name, sample.values, gallery.languages.choose("en"))


def drawn(written: Written, source: str, samples: str, others: Mapping[str, str] | None = None) -> str:
    gallery = written(f"<p>{source}</p>", {"mail.samples.toml": f"[one]\n{samples}\n", **(others or {})})
    return draw(gallery, "mail").html.removeprefix("<p>").removesuffix("</p>")


def test_mails_are_told_from_partials(notifications: Gallery) -> None:
    assert notifications.names() == ["order_confirmation", "shipped"]
    assert notifications.shared_files() == [
        "snippets/colours.mjml",
        "snippets/footer.liquid",
        "snippets/line-item.liquid",
    ]
    assert notifications.users("snippets/line-item.liquid") == ["order_confirmation"]


def test_a_notification_is_drawn_with_its_partials_and_its_text_part(notifications: Gallery) -> None:
    mail = draw(notifications, "order_confirmation")
    assert (type(mail.html), mail.subject) == (str, "Order #1001 is confirmed")
    assert "<h1>Thank you, Ada</h1>" in mail.html
    assert "HARBOUR & SONS, 20 November 2026" in mail.html  # nothing is escaped where no filter says so
    assert "<p>2 x Tea &lt;green&gt;</p>" in mail.html
    assert "<p>1 x Mug (reduced)</p>" in mail.html
    assert "<p>Paid: 19.90</p>" in mail.html
    assert "<p>No note.</p>" in mail.html
    assert "<p>odd 0 help@harbour.example</p>" in mail.html
    assert mail.text == "Thank Ada: https://harbour.example/orders/1001\n"


def test_mjml_around_liquid_is_compiled(notifications: Gallery) -> None:
    mail = draw(notifications, "shipped")
    assert "is on its way</h1>" in mail.html
    assert "color:#14614b" in mail.html  # of the file that an mj-include names
    assert "<mj-" not in mail.html


@pytest.mark.parametrize("name", ["mail.mjml.liquid", "mail.liquid.mjml", "mail.mjml", "mail/mail.liquid"])
def test_mjml_is_known_by_its_name_or_by_what_is_in_it(written: Written, name: str) -> None:
    mjml = "<mjml><mj-body><mj-text>{{ name | upcase }}</mj-text></mj-body></mjml>"
    samples = name.partition(".")[0] + ".samples.toml"
    gallery = written("", {name: mjml, samples: '[one]\nname = "ada"\n', "mail.liquid": "{% comment %}"})
    gallery.folder.joinpath("mail.liquid").unlink()
    assert ">ADA</div>" in draw(gallery, "mail").html


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{% tablerow i in (1..3) cols: 2 %}{{ i }}{% endtablerow %}", '<td class="col1">3</td>'),
        ("{% raw %}{{ raw }}{% endraw %}", "{{ raw }}"),
        ("a {%- if true -%} b {%- endif -%} c", "abc"),
        ("{% comment %}{{ a.b }}{% endcomment %}{% # note %}x", "x"),
        ("{% for i in (1..5) limit: 2 %}{{ i }}{% unless forloop.last %},{% endunless %}{% endfor %}", "1,2"),
        ("{% assign parts = 'a,b' | split: ',' %}{{ parts | join: '+' }}{{ parts.size }}", "a+b2"),
        ("{{ list.first }}{{ list[1] }}{{ list | size }}{{ map['some key'] }}", "a12b"),
        ("{% if '' %}texts are true{% endif %}{% if 0 %}, zero as well{% endif %}", "texts are true, zero as well"),
    ],
)
def test_tags_and_filters_are_liquids_own(written: Written, source: str, shown: str) -> None:
    assert shown in drawn(written, source, 'list = ["a", 1]\nmap = {"some key" = "b"}')


@pytest.mark.parametrize(
    ("tag", "file"),
    [
        ("{% render 'line', name: 'x' %}", "snippets/line.liquid"),
        ("{% render 'line', name: 'x' %}", "_line.liquid"),
        ("{% include 'parts/line' with names as name %}", "parts/_line.html.liquid"),
        ("{% include 'line.html', name: 'x' %}", "_includes/line.html"),
        ("{% for name in names %}{% include 'line' %}{% endfor %}", "partials/line.liquid"),
        ("{% render 'line' for names as name %}", "line.liquid"),
    ],
)
def test_partials_are_found_where_hosts_keep_them(written: Written, tag: str, file: str) -> None:
    assert drawn(written, tag, 'names = ["x"]', {file: "[{{ name }}]"}) == "[x]"


def test_a_partial_that_is_rendered_sees_no_more_than_it_is_given(written: Written) -> None:
    source = "{% assign secret = 'x' %}{% render 'part' %}{% include 'part' %}"
    assert drawn(written, source, "a = 1", {"snippets/part.liquid": "[{{ secret }}]"}) == "[][x]"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("<!DOCTYPE", "order_confirmation.liquid:4:1"),
        ("Thank you, ", "order_confirmation.liquid:2:31"),
        ("HARBOUR", "order_confirmation.liquid:12:8"),
        ("<p>2 x", "snippets/line-item.liquid:1:1"),
        ("Tea", "snippets/line-item.liquid:1:26"),
        (" (reduced)", "snippets/line-item.liquid:2:36"),
        ("Paid:", "order_confirmation.liquid:24:41"),
        ("odd", "snippets/footer.liquid:1:4"),
        ("<a href", "order_confirmation.liquid:29:8"),
    ],
)
def test_what_is_drawn_leads_to_its_line_through_loops_captures_and_partials(
    notifications: Gallery, text: str, place: str
) -> None:
    mail = document(notifications, "order_confirmation")
    assert str(mail.place(mail.markup.index(text))) == place


def test_a_template_that_was_saved_is_drawn_anew_and_so_is_its_partial(written: Written) -> None:
    gallery = written("<p>{% render 'part' %}</p>", {"snippets/part.liquid": "one"})
    assert draw(gallery, "mail").html == "<p>one</p>"
    gallery.folder.joinpath("snippets/part.liquid").write_text("another")
    assert draw(gallery, "mail").html == "<p>another</p>"
