"""The API's reference at /schema: plain HTML from the OpenAPI schema, each
route with an example.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from litestar import Router
from litestar.openapi.plugins import OpenAPIRenderPlugin
from markupsafe import Markup, escape

from keyturn.service.api.openapi import SERVICE_KEY
from keyturn.service.api.requests import AnyRequest
from keyturn.service.pages.rendering import Pages, page_environment


class ReferencePage(OpenAPIRenderPlugin):
    """Renders the page from the schema, once.

    Litestar mounts it at the root of the path of the schema.
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
        if not self._page:  # rendered once; a reload costs only a copy
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
    """Return the operations by tag, in the order of a reset; those that differ only in their path
    are one.
    """
    known = schema.get("components", {}).get("schemas", {})
    groups: dict[str, dict[str, Operation]] = {tag["name"]: {} for tag in schema.get("tags", [])}
    routes = [
        (path, *route) for path, methods in schema["paths"].items() for route in methods.items()
    ]
    place = {name: place for place, name in enumerate(STORY)}
    for path, method, description in sorted(
        routes, key=lambda route: (place.get(route[2].get("operationId"), len(STORY)), route[0])
    ):
        group = groups.setdefault(description.get("tags", ["Other"])[0], {})
        described = _operation(method, description, base_url + path, known)
        group.setdefault(f"{method} {described.summary}", described).paths.append(path)
    return {tag: list(group.values()) for tag, group in groups.items() if group}


STORY = (
    "requestPasswordReset", "getChallenge", "verifyResetCode", "validateResetToken",
    "getPasswordPolicy", "checkPassword", "resetPassword", "replaceExpiredLink", "secureAccount",
    "getFormTexts", "signIn", "getSignedIn", "changePassword", "signOut", "invite", "mintLink",
    "checkLiveness", "checkReadiness",
)  # fmt: skip


_JSON = "application/json"
_SERVICE_KEY = "KEYTURN_INVITATIONS_SERVICE_KEY"


class Operation(NamedTuple):
    """One handler under all of its paths, its own first, and a call of it with the examples of its
    description.
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
    schema = description.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema")
    keeps_cookies = "Sessions" in description.get(
        "tags", ()
    )  # so that they work one after the other
    words = ["curl", "-i", *(["-b", "cookies", "-c", "cookies"] if keeps_cookies else []), address]
    if schema:
        words += [
            "--json",
            json.dumps(_example_body(known[schema["$ref"].rpartition("/")[2]]), ensure_ascii=False),
        ]
    elif method != "get":
        words += ["-X", method.upper()]
    # The key comes from a variable, so it stays out of the shell's history and of the code.
    takes_key = any(SERVICE_KEY in scheme for scheme in description.get("security", ()))
    key = f' -H "Authorization: Bearer ${_SERVICE_KEY}"' if takes_key else ""
    answers = [
        (status, answer.get("description", ""))
        for status, answer in sorted(description["responses"].items())
    ]
    summary, text = description["summary"], description.get("description", "")
    return Operation(method.upper(), [], summary, text, answers, shlex.join(words) + key)


def _code_in_prose(text: str) -> Markup:
    code = Markup("<code>{}</code>")
    return Markup("").join(
        code.format(part) if odd % 2 else escape(part) for odd, part in enumerate(text.split("`"))
    )


def _example_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the required members, and others whose example adds something."""
    body: dict[str, Any] = {}
    for name, member in schema.get("properties", {}).items():
        choices = (member, *member.get("oneOf", ()))
        example = next(
            (example for choice in choices for example in choice.get("examples", ())), None
        )
        if name in schema.get("required", ()) or example not in (None, *body.values()):
            body[name] = example
    return body
