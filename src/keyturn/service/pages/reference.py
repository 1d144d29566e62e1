"""The API's reference at /schema: plain HTML from the OpenAPI schema, with examples."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from litestar import Router
from litestar.openapi.plugins import OpenAPIRenderPlugin
from markupsafe import Markup, escape

from keyturn.service.api.openapi import SERVICE_KEY
from keyturn.service.api.requests import AnyRequest
from keyturn.service.pages.page_templates import page_environment
from keyturn.service.pages.rendering import Pages


class ReferencePage(OpenAPIRenderPlugin):
    """Renders the page from the schema, once.

    Litestar mounts it at the path of the schema.
    """

    def __init__(self, pages: Pages) -> None:
        super().__init__(path="/")
        self._pages = pages
        self._page = b""

    def router(self, path: str) -> Router:
        """Return the router for the page and the schema, with the pages' own headers."""
        return Router(
            path, route_handlers=[], response_headers=self._pages.headers, include_in_schema=False
        )

    def render(self, _: AnyRequest, openapi_schema: dict[str, Any]) -> bytes:
        if not self._page:  # later requests get the same bytes
            info = openapi_schema["info"]
            groups = groups_of(openapi_schema, self._pages.container.settings.base_url)
            environment = page_environment()
            environment.filters["prose"] = _code_in_prose
            environment.globals.update(asset=self._pages.assets.url, url=self._pages.site.url)
            template = environment.get_template("reference.html")
            self._page = template.render(
                title=info["title"], version=info["version"], groups=groups
            ).encode()
        return self._page


def groups_of(schema: Mapping[str, Any], base_url: str) -> dict[str, list["Operation"]]:
    """Return the operations by tag, in the order of a reset.

    Operations that differ only in their paths are one.
    """
    known = schema.get("components", {}).get("schemas", {})
    groups: dict[str, dict[str, Operation]] = {tag["name"]: {} for tag in schema.get("tags", [])}
    for path, method, description in sorted(_routes_of(schema), key=_place_in_story):
        described = _operation(method, description, base_url + path, known)
        tag = description.get("tags", ["Other"])[0]
        group = groups.setdefault(tag, {})
        operation = group.setdefault(f"{method} {described.summary}", described)
        operation.paths.append(path)
    return {tag: list(group.values()) for tag, group in groups.items() if group}


_Route = tuple[str, str, Mapping[str, Any]]
"""A path, a method, and the operation that OpenAPI has there."""


def _routes_of(schema: Mapping[str, Any]) -> Iterator[_Route]:
    for path, operations in schema["paths"].items():
        for method, description in operations.items():
            yield path, method, description


STORY = (
    "requestPasswordReset", "getChallenge", "verifyResetCode", "validateResetToken",
    "getPasswordPolicy", "checkPassword", "resetPassword", "replaceExpiredLink", "secureAccount",
    "getFormTexts", "signIn", "getSignedIn", "changePassword", "signOut", "invite", "mintLink",
    "checkLiveness", "checkReadiness",
)  # fmt: skip
"""The operations in the order in which a client calls them."""


def _place_in_story(route: _Route) -> tuple[int, str]:
    path, _, description = route
    operation = description.get("operationId")
    place = STORY.index(operation) if operation in STORY else len(STORY)
    return place, path


_JSON = "application/json"
_SERVICE_KEY = "KEYTURN_INVITATIONS_SERVICE_KEY"


class Operation(NamedTuple):
    """A handler with all of its paths.

    `answers`: statuses, and what they mean.
    `curl`: a call with the examples of the schema.
    """

    method: str
    paths: list[str]
    summary: str
    description: str
    answers: Sequence[tuple[str, str]]
    curl: str


def _operation(
    method: str, description: Mapping[str, Any], address: str, known: Mapping[str, Any]
) -> Operation:
    words = ["curl", "-i"]
    # The calls keep cookies, so that each works after the one before.
    if "Sessions" in description.get("tags", ()):
        words += ["-b", "cookies", "-c", "cookies"]
    words.append(address)
    body = description.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema")
    if body:
        example = _example_body(known[body["$ref"].rpartition("/")[2]])
        words += ["--json", json.dumps(example, ensure_ascii=False)]
    elif method != "get":
        words += ["-X", method.upper()]
    curl = shlex.join(words)
    if any(SERVICE_KEY in scheme for scheme in description.get("security", ())):
        # The key comes from a variable, so that it does not get into the shell's history.
        curl += f' -H "Authorization: Bearer ${_SERVICE_KEY}"'
    answers = []
    for status, answer in sorted(description["responses"].items()):
        answers.append((status, answer.get("description", "")))
    return Operation(
        method=method.upper(),
        paths=[],
        summary=description["summary"],
        description=description.get("description", ""),
        answers=answers,
        curl=curl,
    )


def _code_in_prose(text: str) -> Markup:
    """Return a text with what is in backticks as code."""
    html = Markup("")
    for number, part in enumerate(text.split("`")):
        is_code = number % 2 == 1
        html += Markup("<code>{}</code>").format(part) if is_code else escape(part)
    return html


def _example_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with the required members, and others whose examples are new."""
    body: dict[str, Any] = {}
    for name, member in schema.get("properties", {}).items():
        example = _example_of(member)
        is_required = name in schema.get("required", ())
        is_new = example is not None and example not in body.values()
        if is_required or is_new:
            body[name] = example
    return body


def _example_of(member: Mapping[str, Any]) -> Any:
    """Return the first example of a member or, if it has several types, of one of them."""
    for choice in (member, *member.get("oneOf", ())):
        for example in choice.get("examples", ()):
            return example
    return None
