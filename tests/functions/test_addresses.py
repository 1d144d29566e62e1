"""Email addresses: their form, and the comparison of mailboxes."""

import pytest

from keyturn.mail.addresses import with_ascii_domain
from keyturn.service.addresses import fold_name, identify, is_same_mailbox, mask, parse
from keyturn.service.problems.requests import InputInvalid


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        *((same, same) for same in (
            "ada@northwind.example", "ada+school@northwind.example", "o'hara.b-c_d@sub.northwind.example",
            "ada@localhost", "jürgen@northwind.example", f"{'a' * 64}@northwind.example", ".try..this.@docomo.example",
        )),
        ("  Ada@Northwind.EXAMPLE ", "ada@northwind.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ju\u0308rgen@northwind.example", "j\u00fcrgen@northwind.example"),
        ("\u200b\ufeff ada@northwind.example\u00a0\u202c\u2069", "ada@northwind.example"),
    ],
)  # fmt: skip
def test_an_address_has_one_form(typed: str, stored: str) -> None:
    assert parse(typed) == stored
    assert parse(stored) == stored


@pytest.mark.parametrize("typed", [
    "ada@@northwind.example", "ada@north wind.example", "ada@-northwind.example", "ada@northwind-.example",
    "ada@northwind..example", "ada@.example", "ada@[127.0.0.1]", '"ada b"@northwind.example',
    "ada\t@northwind.example", "ada\u200b@northwind.example", "ada\u00a0@northwind.example",
    "ada@\u2603\ufe0f\u200d.example", f"ada@{'b' * 64}.example",
])  # fmt: skip
def test_a_bad_address_is_refused(typed: str) -> None:
    with pytest.raises(InputInvalid) as invalid:
        parse(typed)
    assert [fault.name for fault in invalid.value.faults] == ["email"]


@pytest.mark.parametrize("typed", [f"{'a' * 65}@northwind.example", f"{'ü' * 33}@northwind.example"], ids=len)
def test_a_length_is_counted_in_bytes(typed: str) -> None:
    with pytest.raises(InputInvalid, match="longer than 254 bytes"):
        parse(typed)


def test_two_spellings_of_one_mailbox_are_the_same_and_what_is_no_address_is_none() -> None:
    assert is_same_mailbox("ADA@northwind.example", "ada@NORTHWIND.example")
    assert is_same_mailbox("ada@bücher.example", "ada@xn--bcher-kva.example")
    assert not is_same_mailbox("ada@northwind.example", "ada+x@northwind.example")
    assert not is_same_mailbox("nobody", "nobody")
    assert not is_same_mailbox("ada@northwind.example", "")


@pytest.mark.parametrize(
    ("mailbox", "written"),
    [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("Ada Byrne <ada@bücher.example>", "Ada Byrne <ada@xn--bcher-kva.example>"),
        ("jürgen@northwind.example", "jürgen@northwind.example"),
        ("ada@\u2603\ufe0f\u200d.example", "ada@\u2603\ufe0f\u200d.example"),
        ("ada", "ada"),
    ],
)
def test_a_domain_is_written_so_that_every_mail_server_knows_it(mailbox: str, written: str) -> None:
    assert with_ascii_domain(mailbox) == written


def test_logs_may_hold_the_first_letter_and_the_domain() -> None:
    assert mask("ada@northwind.example") == "a***@northwind.example"
    assert mask("ada") == "a***"
    assert mask("") == "***"


def test_a_text_with_an_at_is_an_address_and_any_other_a_name_if_names_are_taken() -> None:
    assert identify(" Ada@Northwind.Example ", takes_names=True) == "ada@northwind.example"
    assert identify(" Ada L. ", takes_names=True) == "Ada L."
    assert identify("zoe\u0308", takes_names=True) == "zo\u00eb"
    assert fold_name("Zo\u00cb") == "zo\u00cb"
    for typed in ("a\x00b", "\u212aate", "\ud800", "\u00e9" * 128):
        with pytest.raises(InputInvalid):
            identify(typed, takes_names=True)
