"""A Django project's mails rendered by Django itself, and traced to their lines."""

import pytest
from tests.studio.engines.opened import RECEIPT, WELCOME, Ask, found_in_all, languages, place_of, render


def test_a_mail_is_rendered_by_the_projects_own_tags_filters_and_addresses(ask: Ask) -> None:
    mail = ask(render, RECEIPT)
    assert (mail.subject, type(mail.html)) == ("Thank you, Ada", str)
    assert "<li>TEA &lt;GREEN&gt;: 9.95 EUR" in mail.html
    assert '[new] 29.90 <a href="https://shop.example/orders/17/">' in mail.html
    assert "The Northwind &amp; Co team" in mail.html
    assert mail.text == "Thank you, Ada.\nhttps://shop.example/orders/17/\n"


def test_a_mail_speaks_the_languages_that_the_project_names(ask: Ask) -> None:
    assert ask(languages) == ["de", "en", "pt-BR"]
    mail = ask(render, RECEIPT, "de")
    assert (mail.subject, "Ihre Rechnung" in mail.html, "20. November" in mail.html) == ("Danke, Ada", True, False)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("<html", "shop/emails/base.html:2:1"),
        ("Your receipt", "shop/emails/receipt.html:5:5"),
        ("CUP", "shop/emails/receipt.html:9:7"),
        ("<img", "shop/emails/receipt.html:9:53"),
        ("[new]", "shop/emails/receipt.html:14:4"),
        ("29.90", "shop/emails/receipt.html:14:22"),
        ("<a href", "shop/emails/receipt.html:14:69"),
        ("Northwind &amp;", "shop/emails/footer.html:1:8"),
    ],
)
def test_what_is_rendered_leads_to_its_line_through_layouts_loops_and_includes(ask: Ask, text: str, place: str) -> None:
    assert ask(place_of, RECEIPT, text) == place


def test_an_mjml_block_is_compiled_here_and_its_mistakes_have_lines(ask: Ask) -> None:
    mail = ask(render, WELCOME)
    assert "<mjml>" in mail.mjml
    assert "<mj-text" not in mail.html
    assert ("mjml/unknown-attribute", "shop/emails/welcome.html:6") in ask(found_in_all)
