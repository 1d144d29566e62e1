"""The description of the API at /schema."""

from typing import Any

import pytest
from tests.spec.service import Service

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # no route here touches a database

POSTS = {
    "/api/auth/request-password-reset": ({"email"}, {"email"}),
    "/api/auth/forgot-password": ({"email"}, {"email"}),
    "/api/auth/validate-reset-token": ({"token", "email"}, {"token"}),
    "/api/auth/verify-reset-token": ({"token", "email"}, {"token"}),
    "/api/auth/reset-password": ({"token", "newPassword", "password", "confirmPassword", "email"}, {"token"}),
    "/api/auth/reset-password-with-token": (
        {"token", "newPassword", "password", "confirmPassword", "email"},
        {"token"},
    ),
    "/api/auth/change-password": ({"currentPassword", "newPassword"}, {"currentPassword", "newPassword"}),
    "/api/auth/login": ({"email", "password"}, {"email", "password"}),
}
GETS = ["/api/auth/password-policy", "/api/auth/me", "/health/live", "/health/ready"]


@pytest.fixture
async def schema(service: Service) -> dict[str, Any]:
    answer = await service.anywhere().get("/schema/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        part = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return part


async def test_every_route_is_described_under_both_of_its_names(schema: dict[str, Any]) -> None:
    paths = schema["paths"]
    assert {path for path in paths if "post" in paths[path]} >= {*POSTS, "/api/auth/logout"}
    assert {path for path in paths if "get" in paths[path]} >= set(GETS)


async def test_bodies_are_described_in_camel_case_with_what_they_need(schema: dict[str, Any]) -> None:
    found = {}
    for path in POSTS:
        content = schema["paths"][path]["post"]["requestBody"]["content"]
        assert list(content) == ["application/json"]
        body = resolved(schema, content["application/json"]["schema"])
        found[path] = (set(body["properties"]), set(body["required"]))
    assert found == POSTS


async def test_answers_are_described(schema: dict[str, Any]) -> None:
    accepted = schema["paths"]["/api/auth/request-password-reset"]["post"]["responses"]["202"]
    body = resolved(schema, accepted["content"]["application/json"]["schema"])
    assert set(body["properties"]) == {"success", "message"}
    valid = schema["paths"]["/api/auth/validate-reset-token"]["post"]["responses"]["200"]
    options = valid["content"]["application/json"]["schema"]["oneOf"]
    assert [set(resolved(schema, option)["properties"]) for option in options] == [
        {"valid", "email", "expiresAt"},
        {"valid", "reason"},
    ]


async def test_no_two_routes_share_a_name(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for path in schema["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


async def test_the_title_is_the_brands(schema: dict[str, Any]) -> None:
    assert "Northwind School" in schema["info"]["title"]


async def test_the_page_to_read_needs_no_outside_host(service: Service) -> None:
    answer = await service.anywhere().get("/schema", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "//cdn" not in answer.text
    for attribute in ('src="http', "src='http", '<link rel="stylesheet" href="http', "@import"):
        assert attribute not in answer.text
