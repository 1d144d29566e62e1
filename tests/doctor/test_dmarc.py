"""DMARC records, and where receivers look for them (RFC 9989)."""

from collections.abc import Mapping, Sequence

import pytest

from keyturn.service.doctor.domain import dmarc_walk, judge_dmarc

DOMAIN = "mail.northwind.example"
ABOVE = "northwind.example"
BELOW = f"a.{DOMAIN}"
REPORTS = "rua=mailto:dmarc@northwind.example"
NONE = ["v=DMARC1; p=none"]
REJECT = ["v=DMARC1; p=reject"]
SUFFIX = {"example": ["v=DMARC1; p=none; sp=quarantine; psd=y"]}


@pytest.mark.parametrize(
    ("domain", "texts", "message"),
    [
        (DOMAIN, {DOMAIN: [f"v=DMARC1; p=quarantine; {REPORTS}"], ABOVE: NONE}, f"_dmarc.{DOMAIN} says p=quarantine"),
        (DOMAIN, {DOMAIN: ["v=DMARC1;p=Reject"], ABOVE: NONE}, f"_dmarc.{DOMAIN} says p=reject"),
        (DOMAIN, {DOMAIN: ["v=DMARC1; p=reject; sp=none"]}, f"_dmarc.{DOMAIN} says p=reject"),
        (DOMAIN, {ABOVE: REJECT}, f"_dmarc.{ABOVE} says p=reject"),
        (BELOW, {DOMAIN: NONE, ABOVE: REJECT}, f"_dmarc.{ABOVE} says p=reject"),
        (BELOW, {DOMAIN: ["v=DMARC1; p=reject; psd=n"], ABOVE: NONE}, f"_dmarc.{DOMAIN} says p=reject"),
        (DOMAIN, SUFFIX, "_dmarc.example says sp=quarantine"),
        (DOMAIN, {**SUFFIX, ABOVE: REJECT}, f"_dmarc.{ABOVE} says p=reject"),
    ],
    ids=["own", "own in capitals", "own before sp", "organization", "fewest labels", "psd=n", "suffix", "below suffix"],
)
def test_the_policy_that_counts_is_named(domain: str, texts: Mapping[str, Sequence[str]], message: str) -> None:
    found = judge_dmarc(domain, texts)

    assert (found.verdict, found.message) == ("ok", message)


ADD = f'Add TXT _dmarc.{DOMAIN} "v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}"'
WEAK = f"set p=quarantine in TXT _dmarc.{DOMAIN}"


def test_a_walk_leads_from_the_domain_to_its_top_and_asks_no_more_than_eight_names() -> None:
    names = dmarc_walk("a.b.c.d.e.f.g.h.i.j.mail.northwind.example")

    assert dmarc_walk(BELOW) == [BELOW, DOMAIN, ABOVE, "example"]
    assert len(names) == 8
    assert names[:2] == ["a.b.c.d.e.f.g.h.i.j.mail.northwind.example", "g.h.i.j.mail.northwind.example"]
    assert names[-1] == "example"


@pytest.mark.parametrize(
    ("texts", "verdict", "mend"),
    [
        ({DOMAIN: NONE}, "warn", WEAK),
        ({DOMAIN: ["v=DMARC1 ; p = none ;"]}, "warn", WEAK),
        ({DOMAIN: [f"v=DMARC1; {REPORTS}"]}, "warn", WEAK),
        ({DOMAIN: []}, "warn", ADD),
        ({DOMAIN: ["v=spf1 -all"]}, "warn", ADD),
        ({DOMAIN: ["v=DMARC10; p=reject"]}, "warn", ADD),
        ({DOMAIN: ["p=reject; v=DMARC1"]}, "warn", ADD),
        ({DOMAIN: ["v=DMARC1"]}, "fail", f"p=quarantine in TXT _dmarc.{DOMAIN}"),
        ({DOMAIN: ["v=DMARC1; p="]}, "fail", f"p=quarantine in TXT _dmarc.{DOMAIN}"),
        ({DOMAIN: ["v=DMARC1; p=rejct"]}, "fail", f"p=quarantine in TXT _dmarc.{DOMAIN}"),
        ({ABOVE: ["v=DMARC1; p=reject; sp=none"]}, "warn", f"sp=quarantine in TXT _dmarc.{ABOVE}"),
        ({DOMAIN: [*REJECT, *NONE]}, "fail", "Keep one of them."),
    ],
)
def test_a_record_that_lets_forgeries_through_or_is_missing_comes_with_its_remedy(
    texts: Mapping[str, Sequence[str]], verdict: str, mend: str
) -> None:
    found = judge_dmarc(DOMAIN, texts)

    assert found.verdict == verdict
    assert mend in found.mend
    assert len(texts.get(DOMAIN, ())) < 2 or "2 DMARC records" in found.message
