"""The Supabase Auth of this machine, as tests against it see it."""

from typing import Any

import pytest
from tests.accounts.supabase.project import ADA, NEW, OLD, Project

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [(f"/admin/users/{UNKNOWN}", 404, "user_not_found"), ("/admin/users/7", 404, "validation_failed")],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_error_has_the_shape_that_was_asked_for(
    method: str, path: str, status: int, code: str, project: Project
) -> None:
    newer = await project.ask(method, path, json={"password": NEW})
    older = await project.ask(method, path, json={"password": NEW}, new=False)
    project.server.old = True
    old = await project.ask(method, path, json={"password": NEW})

    assert (newer.status_code, newer.json()["code"]) == (status, code)
    assert newer.json()["message"]
    assert older.json() == old.json() == {"code": status, "error_code": code, "msg": newer.json()["message"]}


@pytest.mark.parametrize(
    ("credentials", "status", "code"),
    [
        ({"bearer": ""}, 401, "no_authorization"),
        ({"bearer": "Basic YTpi"}, 401, "no_authorization"),
        ({"bearer": "Bearer eyJ.of.another"}, 403, "bad_jwt"),
        ({"key": "anon-key"}, 403, "not_admin"),
        ({"key": "none of the project's"}, 401, None),
    ],
)
async def test_only_the_service_role_key_opens_the_admin_api(
    credentials: dict[str, Any], status: int, code: str | None, project: Project
) -> None:
    answer = await project.ask("GET", "/admin/users", **credentials)

    assert (answer.status_code, answer.json().get("code")) == (status, code)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["c_d@x.test", "cXd@y.test", ADA]),
        ("c_d", ["c_d@x.test", "cXd@y.test"]),
        ("c\\_d", ["c_d@x.test"]),
        ("c%test", ["c_d@x.test", "cXd@y.test"]),
        ("ADA@", []),
        ("LOVELACE", [ADA]),
        (".", ["c_d@x.test", "cXd@y.test", ADA]),
        ("[a-z]", []),
    ],
)
async def test_a_filter_is_a_like_over_addresses_and_names(text: str, found: list[str], project: Project) -> None:
    project.server.users.add(ADA, metadata={"full_name": "Ada Lovelace"})
    project.server.users.add("cXd@y.test").email = "cXd@y.test"
    project.server.users.add("c_d@x.test")

    answer = await project.ask("GET", "/admin/users", params={"filter": text} if text else {})
    pages = [
        await project.ask("GET", "/admin/users", params={"filter": text, "page": page, "per_page": 2})
        for page in (1, 2, 3)
    ]

    assert [user["email"] for user in answer.json()["users"]] == found
    assert answer.headers["x-total-count"] == str(len(found))
    assert [user["email"] for page in pages for user in page.json()["users"]] == found


@pytest.mark.parametrize(
    ("password", "status", "reasons"),
    [
        ("tiny", 422, ["length", "characters"]),
        ("small letters", 422, ["characters"]),
        ("Password1", 422, ["pwned"]),
        ("A" + "a" * 72, 400, None),
        ("Right enough", 200, None),
    ],
)
async def test_a_password_that_is_not_taken_is_answered_with_every_reason(
    password: str, status: int, reasons: list[str] | None, project: Project
) -> None:
    server = project.server
    server.min_length, server.required_characters, server.pwned = (
        8,
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ",),
        frozenset({"Password1"}),
    )
    user = server.users.add(ADA, OLD)

    answer = await project.ask("PUT", f"/admin/users/{user.id}", json={"password": password})

    assert answer.status_code == status
    assert answer.json().get("weak_password", {}).get("reasons") == reasons
    assert (await project.sign_in(ADA, password)).status_code == (200 if status == 200 else 400)


async def test_a_session_goes_on_until_the_password_is_changed(project: Project) -> None:
    user = project.server.users.add(ADA, OLD)
    first = (await project.sign_in(ADA, OLD)).json()["refresh_token"]
    second = (await project.refresh(first)).json()["refresh_token"]

    assert (await project.refresh(first)).json()["code"] == "refresh_token_not_found"
    await project.ask("PUT", f"/admin/users/{user.id}", json={"password": NEW})
    assert (await project.refresh(second)).json()["code"] == "refresh_token_not_found"


async def test_what_is_not_there_is_not_answered(project: Project) -> None:
    assert (await project.ask("GET", "/health")).status_code == 404
    assert (await project.sign_in("nobody@northwind.example", OLD)).json()["code"] == "invalid_credentials"
