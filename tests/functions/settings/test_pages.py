"""Where the pages and the API are, and the folders that are read."""

from pathlib import Path

import pytest
from tests.functions.settings.reading import Faults, Read

SCHOOL = '[kinds.school]\nsettings_url = "{base_url}/school-settings/security"\n'


@pytest.mark.parametrize("host", ["{base_url}", "https://app.example.org"])
def test_pages_may_be_anywhere_that_is_free(read: Read, host: str) -> None:
    settings = read(
        f'reset_url = "{host}/change-password?token={{token}}"\nforgot_url = "{host}/account/forgot"\n'
        + SCHOOL
        + SCHOOL.replace(".school", ".viewer")
    )

    assert settings.forgot_url == f"{host}/account/forgot"
    assert settings.kinds["viewer"] == settings.kinds["school"]
    assert read('forgot_url = "https://app.example.org/metrics"\nsign_in_url = "https://app.example.org/metrics"')


@pytest.mark.parametrize(
    ("toml", "name", "why"),
    [
        ('forgot_url = "{base_url}/login"', "sign_in_url", "/login is also the path of forgot_url: choose another"),
        ('forgot_url = "{base_url}/reset-password/open"', "forgot_url", "/reset-password/open is also the path of"),
        ('sign_in_url = "{base_url}/webhooks/in"', "sign_in_url", "/webhooks/in is used by another page: choose"),
        ('forgot_url = ""', "forgot_url", "must begin with {base_url} or https://"),
        ('forgot_url = "{base_url}/"', "forgot_url", "needs a plain path for the hosted page"),
        ('reset_url = "{base_url}/{token}"', "reset_url", "needs a plain path for the hosted page"),
        ('reset_url = "{base_url}/r?t=x{token}"', "reset_url", "needs {token} at the end of the path"),
        ('forgot_url = "{base_url}/api/auth/change-password"', "forgot_url", "/api/auth/change-password is used by"),
        ('forgot_url = "{base_url}/keyturn.d.ts"', "forgot_url", "/keyturn.d.ts is used by another page"),
        ('forgot_url = "{base_url}/../x"', "forgot_url", "needs a plain path for the hosted page"),
        ('reset_url = "{base_url}/a/../{token}"', "reset_url", "needs a plain path for the"),
        ('[kinds.school]\nsettings_url = "{base_url}/login"', "kinds.school.settings_url", "/login is also the path"),
    ],
)
def test_two_things_cannot_be_at_one_address(faults: Faults, toml: str, name: str, why: str) -> None:
    found = faults(toml)

    assert set(found) == {name}
    assert found[name].startswith(why)


def test_an_api_at_the_root_leaves_other_paths_to_the_pages(faults: Faults, read: Read) -> None:
    assert set(faults('[server]\napi_path = "/"')) == {"reset_url", "forgot_url"}
    pages = 'reset_url = "{base_url}/new-password#token={token}"\nforgot_url = "{base_url}/forgot-password.html"\n'
    assert read(f'{pages}[server]\napi_path = "/"').server.api_path == "/"


@pytest.mark.parametrize("name", ["sign_in_url", "forgot_url", "brand.logo", "kinds.school.settings_url"])
@pytest.mark.parametrize("end", ["; script-src *", " https://elsewhere.example", ",x"])
def test_no_address_begins_another_rule_of_the_pages_policy(faults: Faults, name: str, end: str) -> None:
    section, _, key = name.rpartition(".")
    toml = (f"[{section}]\n" if section else "") + f'{key} = "https://app.example.org{end}"'

    assert faults(toml) == {name: "contains a space, a semicolon or a comma: percent-encode it"}


def test_a_folder_of_mails_must_be_one(faults: Faults, read: Read, tmp_path: Path) -> None:
    (tmp_path / "mails").mkdir()

    assert read(KEYTURN_MAIL_TEMPLATES="mails")
    assert faults(KEYTURN_MAIL_TEMPLATES="nowhere") == {"mail.templates": "no such folder: nowhere"}
    assert faults(KEYTURN_MAIL_TEMPLATES="keyturn.toml") == {"mail.templates": "is a file, not a folder: keyturn.toml"}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        *(
            (path, "must be a path such as /api/auth, without a slash at the end")
            for path in ("", "api", "/api/", "//", "/a//b", "/a b", "/{x}", "/a?b", "/..", "/a/./b")
        ),
        *(
            (path, f"{path} is used by another page: choose another path")
            for path in ("/health", "/webhooks/in", "/metrics", "/keyturn.js")
        ),
    ],
)
def test_the_path_of_the_api_is_a_plain_one_and_free(faults: Faults, path: str, why: str) -> None:
    assert faults(KEYTURN_SERVER_API_PATH=path)["server.api_path"] == why
