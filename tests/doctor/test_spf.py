"""SPF records, as receivers read them (RFC 7208)."""

import pytest

from keyturn.doctor.domain import judge_spf, spf_redirect

NAME = "northwind.example"


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 mx -all",
        "v=spf1 include:_spf.northwind.example ~all",
        "V=SPF1 A MX -ALL",
        "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a:mail.northwind.example/28 -all",
        "v=spf1 exists:%{i}.spf.northwind.example exp=why.northwind.example -all",
        "v=spf1 -all",
    ],
)
def test_a_record_that_ends_in_all_is_fine(record: str) -> None:
    found = judge_spf(NAME, ["google-site-verification=abc", record], needed="", missing="fail")

    assert (found.verdict, found.mend) == ("ok", "")


@pytest.mark.parametrize("texts", [[], ["v=DMARC1; p=none"], ["v=spf10 -all"], ["spf1 -all"]])
def test_where_there_is_none_the_record_to_add_is_named(texts: list[str]) -> None:
    found = judge_spf("send.northwind.example", texts, needed="include:amazonses.com", missing="warn")

    assert found.verdict == "warn"
    assert found.mend == 'Add TXT send.northwind.example "v=spf1 include:amazonses.com ~all".'


def test_two_records_are_none() -> None:
    found = judge_spf(NAME, ["v=spf1 mx -all", "v=spf1 a -all"], needed="", missing="fail")

    assert found.verdict == "fail"
    assert "2 SPF records" in found.message
    assert "Merge" in found.mend


@pytest.mark.parametrize("everybody", ["+all", "all", "+ALL"])
def test_a_record_that_lets_everybody_send_fails(everybody: str) -> None:
    found = judge_spf(NAME, [f"v=spf1 mx {everybody}"], needed="", missing="fail")

    assert found.verdict == "fail"
    assert found.mend == f"Replace {everybody.lower()} with ~all."


@pytest.mark.parametrize(
    ("record", "mend"), [("v=spf1 mx", "End the record with ~all."), ("v=spf1 mx ?all", "Replace ?all")]
)
def test_a_record_that_says_nothing_of_the_rest_is_weak(record: str, mend: str) -> None:
    found = judge_spf(NAME, [record], needed="", missing="fail")

    assert found.verdict == "warn"
    assert mend in found.mend


@pytest.mark.parametrize("term", ["ipv4:192.0.2.1", "include", "mx,", "-al", "ip4:", "!all"])
def test_a_term_that_means_nothing_breaks_the_record(term: str) -> None:
    found = judge_spf(NAME, [f"v=spf1 {term} -all"], needed="", missing="fail")

    assert found.verdict == "fail"
    assert found.message.startswith(f"{term} ")


def test_a_record_without_the_provider_fails() -> None:
    found = judge_spf(NAME, ["v=spf1 mx -all"], needed="include:amazonses.com", missing="warn")

    assert found.verdict == "fail"
    assert "include:amazonses.com" in found.mend


@pytest.mark.parametrize(
    ("texts", "target"),
    [
        (["v=spf1 redirect=_spf.northwind.test"], "_spf.northwind.test"),
        (["v=spf1 redirect=_spf.northwind.test -all"], None),  # RFC 7208 6.1: all makes it void
        (["v=spf1 mx"], None),
        (["v=spf1 redirect=a.test", "v=spf1 -all"], None),
        ([], None),
    ],
)
def test_a_redirect_counts_where_nothing_else_decides(texts: list[str], target: str | None) -> None:
    assert spf_redirect(texts) == target
