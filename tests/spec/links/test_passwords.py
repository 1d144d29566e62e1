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
    PASSWORD: [],  # which the account has already
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


async def test_a_password_is_kept_exactly_and_one_that_is_nearly_the_same_is_another(
    start: Start,
) -> None:
    service = await start(limits=FREE)
    for password, others in KEPT.items():
        assert problem(await service.reset(await service.link(), password)) == "200", password
        assert [one for one in (password, *others) if await service.knows(one)] == [password]


async def test_a_weak_password_is_refused_with_every_broken_rule_and_a_form_can_show_the_rules(
    start: Start,
) -> None:
    service = await start(
        password={"min_length": 10, "require": ["uppercase", "lowercase", "digit", "special"]}
    )
    answer = await service.anywhere().get(POLICY)
    assert answer.status_code == 200
    rules = {rule["name"]: rule for rule in answer.json()["rules"]}
    asked = ["uppercase", "lowercase", "digit", "special"]
    assert list(rules) == ["min_length", "max_bytes", *asked, "common", "personal"]
    assert (rules["min_length"]["limit"], rules["max_bytes"]["limit"]) == (10, 72)
    assert all(rules[name]["pattern"] for name in ("min_length", *asked))
    assert all(rule["message"] for rule in rules.values())

    token = await service.link()
    answer = await service.reset(token, "...")
    assert problem(answer) == "422 password-rejected"
    violations = answer.json()["violations"]
    assert [broken["rule"] for broken in violations] == [
        "min_length",
        "uppercase",
        "lowercase",
        "digit",
    ]
    assert all(broken["message"] in answer.json()["detail"] for broken in violations)
    assert (await service.reset(token, "Lighthouse 7!")).status_code == 200


@pytest.mark.parametrize(
    ("route", "fields"), [(RESET, {"token": "x" * 43}), (LOGIN, {"email": ADA})]
)
async def test_a_megabyte_is_refused_before_any_hash(
    service: Service, route: str, fields: dict[str, str]
) -> None:
    big = "x" * 1_000_000
    answer = await service.anywhere().post(
        route, json=fields | {"newPassword": big, "password": big}
    )
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
    assert (
        await service.anywhere().post(LOGIN, json={"email": ADA, "password": wide})
    ).status_code == 200
    wrong = await service.anywhere().post(LOGIN, json={"email": ADA, "password": wide[:-1]})
    assert problem(wrong) == "401 credentials-rejected"
