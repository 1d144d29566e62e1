"""The description of the API at /schema."""

from typing import Any

import pytest
from tests.driver.elsewhere import Elsewhere
from tests.driver.second_factors import BUILTIN, enrol, reset_with, wrong_code
from tests.driver.service import ADA, FREE, VALIDATE, Service, Start
from tests.spec.http.test_problems import refusals

from keyturn import Account

pytestmark = pytest.mark.parametrize(
    "databases", ["sqlite"], indirect=True
)  # no description depends on the database


@pytest.fixture
async def schema(service: Service) -> dict[str, Any]:
    answer = await service.anywhere().get("/schema/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


async def test_the_title_is_the_brand_s_and_routes_have_names_and_refusals_of_their_own(
    schema: dict[str, Any],
) -> None:
    assert "Northwind School" in schema["info"]["title"]
    names = [
        operation["operationId"] for path in schema["paths"].values() for operation in path.values()
    ]
    assert len(names) == len(set(names))
    assert "SecondStepCode" in schema["components"]["schemas"], (
        "a name in clients that were generated"
    )
    for route in schema["paths"].values():
        if "requestBody" in route.get("post", {}):
            assert set(route["post"]["responses"]) >= {"400", "413", "415", "429", "503"}


async def test_the_answers_of_refusals_are_as_described(
    start: Start, schema: dict[str, Any]
) -> None:
    for answer in await refusals(start):
        if answer.status_code not in {404, 405}:  # of another route or method
            assert_is_described(answer.json(), schema)


@pytest.mark.long
async def test_rarer_answers_are_as_described(start: Start, schema: dict[str, Any]) -> None:
    store = Elsewhere(Account(id="u-1", email=ADA))
    service = await start(store=store, second_step=BUILTIN, limits=FREE)
    first, second = await service.link(), await service.link()
    change = await store.hold(service.reset(first))
    answers = [await service.reset(second)]
    store.losses.append(ConnectionResetError())
    store.open.set()
    answers.append(await change)
    service.let_time_pass(minutes=1)
    await enrol(service)
    third = await service.link()
    answers += [
        await reset_with(service, third),
        await reset_with(service, third, "totp", wrong_code()),
    ]
    store.is_away = True
    answers.append(await service.anywhere().post(VALIDATE, json={"token": third}))
    names = (
        "busy",
        "outcome-unknown",
        "second-step-required",
        "second-step-rejected",
        "unavailable",
    )
    for name, answer in zip(names, answers, strict=True):
        assert answer.json()["type"] == f"urn:keyturn:problem:{name}"
        assert_is_described(answer.json(), schema)


def assert_is_described(document: dict[str, Any], schema: dict[str, Any]) -> None:
    (described,) = {
        name
        for name, found in schema["components"]["schemas"].items()
        if found["properties"].get("type", {}).get("const") == document["type"]
    }
    found = schema["components"]["schemas"][described]
    assert set(document) <= set(found["properties"])
    assert set(found["required"]) <= set(document)
    assert found["properties"]["status"]["const"] == document["status"]


async def test_the_description_says_which_routes_need_a_session(schema: dict[str, Any]) -> None:
    (scheme,) = schema["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "cookie", "keyturn_session")
    assert schema["paths"]["/api/auth/me"]["get"]["security"] == [{"session": []}]
    assert schema["paths"]["/api/auth/reset-password"]["post"]["security"] == [{}]


async def test_the_page_to_read_needs_no_outside_host(service: Service) -> None:
    answer = await service.anywhere().get("/schema", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "//cdn" not in answer.text
    for attribute in ('src="http', "src='http", '<link rel="stylesheet" href="http', "@import"):
        assert attribute not in answer.text


async def test_members_of_every_answer_are_required_and_none_has_a_default(
    schema: dict[str, Any],
) -> None:
    """A generator takes a default for a promise that the member is there."""
    schemas = schema["components"]["schemas"]
    assert not {
        (name, member)
        for name, found in schemas.items()
        for member, its in found.get("properties", {}).items()
        if "default" in its
    }
    optional = {"operatorReason", "emailHint", "returnTo"}
    for name in ("Done", "ValidToken", "InvalidToken", "PasswordJudgement", "Health"):
        assert set(schemas[name]["required"]) == set(schemas[name]["properties"]) - optional, name
    for name, found in schemas.items():
        if name.endswith("Problem"):
            assert set(found["properties"]) - set(found["required"]) == {"detail", "instance"}, name
