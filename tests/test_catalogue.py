"""The catalogue's template, from which a team makes a translation, holds every text that people see."""

from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

CHECKOUT = Path(__file__).parents[1]
TEMPLATE = CHECKOUT / "src" / "keyturn" / "locales" / "keyturn.pot"


def test_it_holds_the_texts_of_the_mails_and_the_pages_and_no_others() -> None:
    with (CHECKOUT / "babel.cfg").open() as mapping:
        methods, options = parse_mapping_cfg(mapping)
    found = {
        message
        for folder in ("src/keyturn", "email_templates")
        for _, _, message, *_ in extract_from_dir(CHECKOUT / folder, methods, options)
    }
    with TEMPLATE.open("rb") as file:
        kept = {message.id for message in read_po(file) if message.id}
    assert kept == found, "run `just messages`"
