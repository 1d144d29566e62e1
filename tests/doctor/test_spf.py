"""SPF records, as receivers read them (RFC 7208)."""

import pytest

from keyturn.service.doctor.domain import judge_spf, spf_redirect

NAME = "northwind.example"


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


CORRECT = f"Correct the TXT record at {NAME}."


@pytest.mark.parametrize(
    ("record", "verdict", "mend"),
    [
        ("v=spf1 mx -all", "ok", ""),
        ("v=spf1 include:_spf.northwind.example ~all", "ok", ""),
        ("V=SPF1 A MX -ALL", "ok", ""),
        ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a:mail.northwind.example/28 -all", "ok", ""),
        ("v=spf1 exists:%{i}.spf.northwind.example exp=why.northwind.example -all", "ok", ""),
        ("v=spf1 -all", "ok", ""),
        *((f"v=spf1 mx {all_}", "fail", f"Replace {all_.lower()} with ~all.") for all_ in ("+all", "all", "+ALL")),
        ("v=spf1 mx", "warn", "End the record with ~all."),
        ("v=spf1 mx ?all", "warn", "Replace ?all with ~all."),
        *(
            (f"v=spf1 {term} -all", "fail", CORRECT)
            for term in ("ipv4:192.0.2.1", "include", "mx,", "-al", "ip4:", "!all")
        ),
    ],
)
def test_a_record_is_judged_by_its_terms_and_its_end(record: str, verdict: str, mend: str) -> None:
    found = judge_spf(NAME, ["google-site-verification=abc", record], needed="", missing="fail")

    assert (found.verdict, found.mend) == (verdict, mend)
    if mend == CORRECT:
        assert found.message.startswith(f"{record.split()[1]} ")


ADD = f'Add TXT {NAME} "v=spf1 include:amazonses.com ~all".'


@pytest.mark.parametrize(
    ("texts", "verdict", "mend"),
    [
        ([], "warn", ADD),
        (["v=DMARC1; p=none"], "warn", ADD),
        (["v=spf10 -all"], "warn", ADD),
        (["spf1 -all"], "warn", ADD),
        (["v=spf1 mx -all", "v=spf1 a -all"], "fail", "Merge them into one TXT record."),
        (["v=spf1 mx -all"], "fail", "Add include:amazonses.com to the record, before the term all."),
    ],
    ids=["nothing", "another record", "another version", "no version", "two records", "without the provider"],
)
def test_where_the_provider_is_missing_the_record_to_add_is_named(texts: list[str], verdict: str, mend: str) -> None:
    found = judge_spf(NAME, texts, needed="include:amazonses.com", missing="warn")

    assert (found.verdict, found.mend) == (verdict, mend)
    assert len(texts) < 2 or found.message.startswith("2 SPF records")
