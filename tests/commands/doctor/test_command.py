"""doctor: as an operator runs it."""

import json
from pathlib import Path

import pytest
from tests.commands.command import Ended, Keyturn

pytestmark = pytest.mark.long

DEVELOPMENT = {"KEYTURN_ENVIRONMENT": "development", "KEYTURN_MAIL_TRANSPORT": "capture"}
"""With these, nothing fails."""


def findings(ended: Ended) -> dict[str, dict[str, str]]:
    told = json.loads(ended.out)
    assert all(one.keys() == {"check", "verdict", "message", "fix"} for one in told)
    return {one["check"]: one for one in told}


def test_where_all_is_well_it_ends_with_0(migrated: Keyturn, workplace: Path) -> None:
    done = migrated("doctor", **DEVELOPMENT)

    assert (done.code, done.err) == (0, "")
    *lines, empty, last = done.out.splitlines()
    checks = ("settings", "database", "accounts", "capture", "changed")
    assert [line.split()[:2] for line in lines] == [[check, "ok"] for check in checks]
    assert (empty, last) == ("", "All checks passed.")
    assert lines[0].endswith(f"for development; there is no keyturn.toml in {workplace}")
    assert lines[2].endswith("the store builtin matches the settings")


def test_where_something_fails_it_ends_with_1_and_says_what_to_do_and_a_doubt_is_no_failure(
    migrated: Keyturn,
) -> None:
    done = migrated("doctor", **DEVELOPMENT, KEYTURN_TOKEN_TTL="soon")
    lines = done.out.splitlines()
    assert (done.code, done.err, lines[-1]) == (1, "", "1 to fix, 1 to look at.")
    (fault,) = [
        number
        for number, line in enumerate(lines)
        if "KEYTURN_TOKEN_TTL" in line and "fail" in line
    ]
    assert lines[fault + 1].strip().startswith("Set KEYTURN_TOKEN_TTL")
    doubtful = migrated("doctor", **DEVELOPMENT, KEYTURN_TOKEN_TTL="2h")
    assert (doubtful.code, doubtful.out.splitlines()[-1]) == (0, "0 to fix, 1 to look at.")


def test_a_missing_file_of_the_app_s_is_not_made_and_its_path_is_wrong(
    keyturn: Keyturn, workplace: Path
) -> None:
    table = (
        '[accounts]\nstore = "table"\n[accounts.table]\ntable = "users"\npassword = "password"\n'
    )
    (workplace / "keyturn.toml").write_text(table, "utf-8")
    given = {
        "KEYTURN_DATABASE_URL": "sqlite:///dev.db",
        "KEYTURN_SIGN_IN_URL": "https://app.example.org/login",
    }
    found = findings(keyturn("doctor", "--json", **DEVELOPMENT, **given))

    assert (found["database"]["verdict"], found["accounts"]["verdict"]) == ("fail", "fail")
    assert "the path is wrong" in found["database"]["fix"]
    assert str(workplace / "dev.db") in found["accounts"]["message"]
    assert [file.name for file in workplace.iterdir()] == ["keyturn.toml"]


def test_a_page_of_one_s_own_that_cannot_be_rendered_fails_with_its_line(
    migrated: Keyturn, workplace: Path
) -> None:
    page = '{% extends "keyturn/forgot.html" %}\n{% block answer %}\n{{ emial }}{% endblock %}'
    (workplace / "pages").mkdir()
    (workplace / "pages" / "forgot.html").write_text(page)
    done = migrated("doctor", "--json", **DEVELOPMENT, KEYTURN_PAGES_TEMPLATES="pages")
    found = findings(done)["pages"]

    assert (done.code, found["verdict"]) == (1, "fail")
    place = f"pages.templates: {workplace.resolve()}/pages/forgot.html:3:"
    assert found["message"].startswith(f"{place} 'emial' is undefined")
    assert "`keyturn serve` does not start" in found["fix"]


def test_it_shows_what_differs_from_the_defaults_and_no_secret(
    migrated: Keyturn, workplace: Path
) -> None:
    secret = "0123456789abcdef" * 4
    (workplace / "keyturn.toml").write_text(
        '[kinds.school]\n[brand]\nname = "Northwind"\n', "utf-8"
    )
    differing = {
        "KEYTURN_SECRET_KEY": secret,
        "KEYTURN_PREVIOUS_SECRET_KEYS": f"{secret[::-1]},{secret}0",
        "KEYTURN_TOKEN_TTL": "20m",
        "KEYTURN_SIGN_IN_URL": f"https://ada:{secret}@app.example.org/login",
    }
    done = migrated("doctor", "--json", **DEVELOPMENT, **differing)

    assert findings(done)["changed"]["message"].split(", ") == [
        "environment = development",
        "sign_in_url = set",
        "secret_key = set",
        "previous_secret_keys = set",
        "kinds = school",
        "token.ttl = 0:20:00",
        "mail.transport = capture",
        "brand.name = Northwind",
    ]
    assert secret not in done.out
