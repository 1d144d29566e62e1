"""DMARC records, and where receivers look for them (RFC 9989)."""

import pytest

from keyturn.doctor.domain import dmarc_walk, judge_dmarc

DOMAIN = "mail.northwind.example"
REPORTS = "rua=mailto:dmarc@northwind.example"


@pytest.mark.parametrize("policy", ["quarantine", "reject", "Reject"])
def test_a_policy_of_the_domain_itself_counts(policy: str) -> None:
    found = judge_dmarc(
        DOMAIN, {DOMAIN: [f"v=DMARC1; p={policy}; {REPORTS}"], "northwind.example": ["v=DMARC1;p=none"]}
    )

    assert (found.verdict, found.message) == ("ok", f"_dmarc.{DOMAIN} says p={policy.lower()}")


def test_the_policy_of_the_organization_holds_for_its_subdomains() -> None:
    found = judge_dmarc(DOMAIN, {"northwind.example": ["v=DMARC1; p=reject"]})

    assert (found.verdict, found.message) == ("ok", "_dmarc.northwind.example says p=reject")


def test_a_policy_for_subdomains_goes_before_the_general_one() -> None:
    found = judge_dmarc(DOMAIN, {"northwind.example": ["v=DMARC1; p=reject; sp=none"]})

    assert found.verdict == "warn"
    assert "sp=quarantine" in found.mend
    assert "_dmarc.northwind.example" in found.mend


def test_the_policy_for_subdomains_is_not_the_domains_own() -> None:
    assert judge_dmarc(DOMAIN, {DOMAIN: ["v=DMARC1; p=reject; sp=none"]}).verdict == "ok"


@pytest.mark.parametrize("record", ["v=DMARC1; p=none", "v=DMARC1 ; p = none ;", f"v=DMARC1; {REPORTS}"])
def test_a_policy_of_none_lets_forgeries_through(record: str) -> None:
    found = judge_dmarc(DOMAIN, {DOMAIN: [record]})

    assert found.verdict == "warn"
    assert f"set p=quarantine in TXT _dmarc.{DOMAIN}" in found.mend


@pytest.mark.parametrize("texts", [[], ["v=spf1 -all"], ["v=DMARC10; p=reject"], ["p=reject; v=DMARC1"]])
def test_where_there_is_none_the_record_to_add_is_named(texts: list[str]) -> None:
    found = judge_dmarc(DOMAIN, {DOMAIN: texts})

    assert found.verdict == "warn"
    assert f'Add TXT _dmarc.{DOMAIN} "v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}"' in found.mend


def test_two_records_are_none() -> None:
    found = judge_dmarc(DOMAIN, {DOMAIN: ["v=DMARC1; p=reject", "v=DMARC1; p=none"]})

    assert found.verdict == "fail"
    assert "2 DMARC records" in found.message


@pytest.mark.parametrize("record", ["v=DMARC1", "v=DMARC1; p=", "v=DMARC1; p=rejct"])
def test_a_record_without_a_policy_fails(record: str) -> None:
    found = judge_dmarc(DOMAIN, {DOMAIN: [record]})

    assert found.verdict == "fail"
    assert f"p=quarantine in TXT _dmarc.{DOMAIN}" in found.mend


def test_the_organization_is_the_domain_with_the_fewest_labels() -> None:
    domain = "a.mail.northwind.example"
    texts = {"mail.northwind.example": ["v=DMARC1; p=none"], "northwind.example": ["v=DMARC1; p=reject"]}

    assert judge_dmarc(domain, texts).message == "_dmarc.northwind.example says p=reject"


def test_a_domain_that_says_it_is_an_organization_is_one() -> None:
    domain = "a.mail.northwind.example"
    texts = {"mail.northwind.example": ["v=DMARC1; p=reject; psd=n"], "northwind.example": ["v=DMARC1; p=none"]}

    assert judge_dmarc(domain, texts).message == "_dmarc.mail.northwind.example says p=reject"


def test_the_policy_of_a_public_suffix_is_the_last_resort() -> None:
    suffix = ["v=DMARC1; p=none; sp=quarantine; psd=y"]

    assert judge_dmarc(DOMAIN, {"example": suffix}).message == "_dmarc.example says sp=quarantine"
    both = {"example": suffix, "northwind.example": ["v=DMARC1; p=reject"]}
    assert judge_dmarc(DOMAIN, both).message == "_dmarc.northwind.example says p=reject"


def test_a_walk_leads_from_the_domain_to_its_top() -> None:
    assert dmarc_walk("a.mail.northwind.example") == [
        "a.mail.northwind.example",
        "mail.northwind.example",
        "northwind.example",
        "example",
    ]


def test_a_walk_asks_no_more_than_eight_names() -> None:
    names = dmarc_walk("a.b.c.d.e.f.g.h.i.j.mail.northwind.example")

    assert len(names) == 8
    assert names[:2] == ["a.b.c.d.e.f.g.h.i.j.mail.northwind.example", "g.h.i.j.mail.northwind.example"]
    assert names[-1] == "example"
