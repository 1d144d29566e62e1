"""The passwords that are accepted, and that they stay exactly as typed."""

import unicodedata

import pytest
from tests.driver.service import ADA, FREE, LOGIN, PASSWORD, POLICY, RESET, Service, Start, problem

pytestmark = pytest.mark.any_database

COMPOSED = unicodedata.normalize("NFC", "d\u00e9j\u00e0 vu \u00e0 No\u00ebl")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)

SEVENTY_TWO = "seven quiet harbours, eleven loud lighthouses, nineteen silent anchors.."
EMOJI = "".join(chr(0x1F400 + 7 * step) for step in range(18))

KEPT: dict[str, list[str]] = {
    "  two spaces around it  ": ["two spaces around it", "  two spaces around it"],
    "before\0after the NUL": ["before", "before\0", "beforeafter the NUL"],
    "\0 comes before the rest": ["\0", " comes before the rest"],
    "tab\tnewline\r\nescape\x1b": [],
    COMPOSED: [DECOMPOSED, "deja vu a Noel"],
    DECOMPOSED: [COMPOSED],
    "\u0643\u0644\u0645\u0629 \u0627\u0644\u0633\u0631 \u062c\u062f\u064a\u062f\u0629": [],
    "'; DROP TABLE keyturn_accounts; --\"": [],
    "<script>alert(1)</script>": [],
    SEVENTY_TWO: [SEVENTY_TWO + "!", SEVENTY_TWO * 50],
    EMOJI: [],
}
"""Passwords, and those that are nearly the same."""

TOO_LONG = [SEVENTY_TWO + "!", EMOJI * 4, SEVENTY_TWO[:70] + "\u20ac", EMOJI + "!"]

WEAK = {
    "": {"min_length"},
    "short": {"min_length"},
    "password": {"min_length", "common"},
    "PASSWORD": {"min_length", "common"},
    "password1234": {"common"},
    "aaaaaaaaaaaa": {"common"},
    "abcdefghijkl": {"common"},
    "qwertyuiop[]": {"common"},
    "correcthorsebatterystaple": {"common"},
    "ThisIsMyPassword": {"common"},
    "Summer2026!!!": {"common"},
    "ji32k7au4a83": {"common"},
    ADA: {"personal"},
    "Northwind School": {"personal"},
    "northwind-school-2026": {"personal"},
    "\u00e9\u00e8\u00ea\u00e0\u00f9\u00ee\u00f4\u00fb\u00e7\u00ef\u00fc": {"min_length"},
}


async def test_a_password_is_kept_exactly_and_one_that_is_nearly_the_same_is_another(start: Start) -> None:
    service = await start(limits=FREE)
    for password, others in KEPT.items():
        assert problem(await service.reset(await service.link(), password)) == "200", password
        assert [one for one in (password, *others) if await service.knows(one)] == [password]


async def test_more_than_72_bytes_are_refused_and_never_cut(service: Service) -> None:
    token = await service.link()
    for password in TOO_LONG:
        answer = await service.reset(token, password)
        assert problem(answer) == "422 password-rejected"
        (broken,) = answer.json()["violations"]
        assert broken["rule"] == "max_bytes"
        assert "72 bytes" in broken["message"]
    assert await service.works(token)
    assert await service.knows(PASSWORD)


async def test_a_weak_password_is_refused_with_every_broken_rule_and_the_link_survives(start: Start) -> None:
    service = await start(password={"min_length": 10, "require": ["uppercase", "lowercase", "digit", "special"]})
    token = await service.link()
    answer = await service.reset(token, "...")
    assert problem(answer) == "422 password-rejected"
    violations = answer.json()["violations"]
    assert [broken["rule"] for broken in violations] == ["min_length", "uppercase", "lowercase", "digit"]
    assert all(broken["message"] in answer.json()["detail"] for broken in violations)
    assert (await service.reset(token, "Lighthouse 7!")).status_code == 200


async def test_the_default_rules_follow_length_and_a_blocklist(service: Service) -> None:
    token = await service.link()
    answers = {password: await service.reset(token, password) for password in WEAK}
    assert {problem(answer) for answer in answers.values()} == {"422 password-rejected"}
    found = {
        password: {broken["rule"] for broken in answer.json()["violations"]} for password, answer in answers.items()
    }
    assert found == WEAK
    assert await service.works(token)


async def test_a_form_can_show_the_rules(start: Start) -> None:
    service = await start(password={"min_length": 10, "require": ["uppercase", "digit"]})
    answer = await service.anywhere().get(POLICY)
    assert answer.status_code == 200
    rules = {rule["name"]: rule for rule in answer.json()["rules"]}
    assert list(rules) == ["min_length", "max_bytes", "uppercase", "digit", "common", "personal"]
    assert (rules["min_length"]["limit"], rules["max_bytes"]["limit"]) == (10, 72)
    assert all(rules[name]["pattern"] for name in ("min_length", "uppercase", "digit"))
    assert all(rule["message"] for rule in rules.values())


@pytest.mark.parametrize(("route", "fields"), [(RESET, {"token": "x" * 43}), (LOGIN, {"email": ADA})])
async def test_a_megabyte_is_refused_before_any_hash(service: Service, route: str, fields: dict[str, str]) -> None:
    big = "x" * 1_000_000
    answer = await service.anywhere().post(route, json=fields | {"newPassword": big, "password": big})
    assert problem(answer) == "413 too-large"
    assert (await service.figures())["password_hash_seconds_count"] == 0


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.long
async def test_a_change_writes_the_app_s_format_and_signs_in_with_it(start: Start) -> None:
    """Each format is in tests/functions/passwords/test_hash_writers.py."""
    service = await start(hashing={"format": "argon2id"}, limits=FREE)
    wide = "".join(chr(0x1F400 + 37 * step * step % 401) for step in range(64))
    assert (await service.reset(await service.link(), wide)).status_code == 200
    assert (await service.password_hash()).startswith("$argon2id$")
    assert (await service.anywhere().post(LOGIN, json={"email": ADA, "password": wide})).status_code == 200
    wrong = await service.anywhere().post(LOGIN, json={"email": ADA, "password": wide[:-1]})
    assert problem(wrong) == "401 credentials-rejected"


async def test_a_new_password_may_be_the_one_that_the_account_has(service: Service) -> None:
    assert problem(await service.reset(await service.link(), PASSWORD)) == "200"
    assert await service.knows(PASSWORD)
