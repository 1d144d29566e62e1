"""The API's reference at /schema: plain HTML from the OpenAPI schema, each route with examples and a form to try it."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Template
from litestar import Router
from litestar.openapi.plugins import OpenAPIRenderPlugin
from markupsafe import Markup, escape

from keyturn.service.api.requests import AnyRequest
from keyturn.service.api.responses import SERVICE_KEY
from keyturn.service.pages.rendering import Pages, page_environment


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object: its name, its type in words, and its meaning."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(slots=True)
class Operation:
    """One handler under all of its paths, its own first. `examples`: by language, calls of that path with `body`.

    `takes_key`: the client must show the service key.
    """

    method: str
    summary: str
    description: str
    takes: list[Member]
    answers: list[tuple[str, str, list[list[Member]]]]
    examples: Mapping[str, str]
    body: str
    takes_key: bool
    paths: list[str] = field(default_factory=list)


class ReferencePage(OpenAPIRenderPlugin):
    """Draws the page from the schema, once. Litestar mounts it at the root of the path of the schema."""

    def __init__(self, pages: Pages) -> None:
        super().__init__(path="/")
        self._pages = pages
        self._page = b""

    def router(self, path: str) -> Router:
        """Return the router for the page and the schema, with the pages' own headers."""
        return Router(path, route_handlers=[], response_headers=self._pages.headers, include_in_schema=False)

    def render(self, _: AnyRequest, openapi_schema: dict[str, Any]) -> bytes:
        if not self._page:  # drawn once; a reload costs only a copy
            info = openapi_schema["info"]
            groups = groups_of(openapi_schema, self._pages.parts.settings.base_url)
            page = self._template().render(title=info["title"], version=info["version"], groups=groups)
            self._page = page.encode()
        return self._page

    def _template(self) -> Template:
        """Compile the template when the page is first requested, so that the start is quicker."""
        environment = page_environment()
        environment.filters["prose"] = _code_in_prose
        site = self._pages.site
        environment.globals.update(brand=site.settings.brand, asset=self._pages.assets.url, url=site.url)
        return environment.get_template("reference.html")


def groups_of(schema: Mapping[str, Any], base_url: str) -> dict[str, list[Operation]]:
    """Return the operations by tag, in the order of a reset; those that differ only in their path are one.

    Its own path comes first: other names of a route are none of `STORY`.
    """
    known = schema.get("components", {}).get("schemas", {})
    groups: dict[str, dict[tuple[str, str], Operation]] = {tag["name"]: {} for tag in schema.get("tags", [])}
    routes = [(path, *route) for path, methods in schema["paths"].items() for route in methods.items()]
    for path, method, description in sorted(routes, key=lambda route: (_place_in_story(route[2]), route[0])):
        group = groups.setdefault(description.get("tags", ["Other"])[0], {})
        described = _operation(method, description, known, base_url + path)
        operation = group.setdefault((method, description["summary"]), described)
        operation.paths.append(path)
    return {tag: list(group.values()) for tag, group in groups.items() if group}


STORY = (
    "requestPasswordReset",
    "getChallenge",
    "verifyResetCode",
    "validateResetToken",
    "getPasswordPolicy",
    "checkPassword",
    "resetPassword",
    "replaceExpiredLink",
    "secureAccount",
    "getFormTexts",
    "signIn",
    "getSignedIn",
    "changePassword",
    "signOut",
    "invite",
    "mintLink",
    "checkLiveness",
    "checkReadiness",
)
"""The names of the operations, in the order in which a frontend calls them."""


def _place_in_story(description: Mapping[str, Any]) -> int:
    name = description.get("operationId")
    return STORY.index(name) if name in STORY else len(STORY)


def _operation(method: str, description: Mapping[str, Any], known: Mapping[str, Any], address: str) -> Operation:
    body = description.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema")
    call = Call.of(method.upper(), address, description, known)
    return Operation(
        method=call.method,
        summary=description["summary"],
        description=description.get("description", ""),
        takes=next(iter(_members(body, known)), []) if body else [],
        answers=[(status, *_answer(answer, known)) for status, answer in sorted(description["responses"].items())],
        examples={"curl": call.curl(), "JavaScript": call.javascript(), "Python": call.python()},
        body=json.dumps(call.body, indent=2, ensure_ascii=False) if body else "",
        takes_key=call.takes_key,
    )


def _answer(answer: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[str, list[list[Member]]]:
    content = answer.get("content", {})
    if JSON in content:
        return "", list(_members(content[JSON]["schema"], known))
    return str(answer.get("description", "")), []


def _members(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[list[Member]]:
    """Yield the members of an object, or of each object of a choice."""
    for choice in schema.get("oneOf", [schema]):
        object_schema = resolve_reference(choice, known)
        required = set(object_schema.get("required", []))
        yield [
            Member(name, _type(member, known), name in required, member.get("description", ""))
            for name, member in object_schema.get("properties", {}).items()
        ]


def _type(schema: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    resolved = resolve_reference(schema, known)
    if "oneOf" in resolved:
        return " or ".join(_type(choice, known) for choice in resolved["oneOf"])
    if "const" in resolved:
        return _literal(resolved["const"])
    if "enum" in resolved:
        return " or ".join(_literal(value) for value in resolved["enum"])
    if resolved.get("type") == "array":
        item = resolve_reference(resolved["items"], known)
        members = ", ".join(item.get("properties", {}))
        return f"list of {{{members}}}" if members else f"list of {_type(resolved['items'], known)}"
    return {"date-time": "date and time"}.get(resolved.get("format", ""), str(resolved.get("type", "anything")))


def _code_in_prose(text: str) -> Markup:
    """Return a text with the parts in backticks as code."""
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if odd % 2 else escape(part) for odd, part in enumerate(text.split("`")))


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


JSON = "application/json"
_SERVICE_KEY = "KEYTURN_INVITATIONS_SERVICE_KEY"
_REFERENCE = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation with the examples of its description, in several languages.

    Calls of sessions keep cookies, so that they work one after the other. The service key comes from a variable, so it
    stays out of the shell's history and of the code.
    """

    method: str
    address: str
    body: Mapping[str, Any] | None
    keeps_cookies: bool
    takes_key: bool

    @classmethod
    def of(cls, method: str, address: str, operation: Mapping[str, Any], known: Mapping[str, Any]) -> "Call":
        """Return the call of a description. `known`: its schemas, by name."""
        schema = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema")
        body = example_body(resolve_reference(schema, known)) if schema else None
        return cls(method, address, body, "Sessions" in operation.get("tags", ()), needs_service_key(operation))

    def curl(self) -> str:
        words = ["curl", "-i"]
        if self.keeps_cookies:
            words += ["-b", "cookies", "-c", "cookies"]
        words.append(self.address)
        if self.body is not None:
            words += ["--json", json.dumps(self.body, ensure_ascii=False)]
        elif self.method != "GET":
            words += ["-X", self.method]
        command = shlex.join(words)
        return f'{command} -H "Authorization: Bearer ${_SERVICE_KEY}"' if self.takes_key else command

    def javascript(self) -> str:
        headers = '"Content-Type": "application/json"' if self.body is not None else ""
        if self.takes_key:
            headers += f", Authorization: `Bearer ${{process.env.{_SERVICE_KEY}}}`"
        options = {
            "method": f'"{self.method}"' if self.method != "GET" else "",
            "credentials": '"include"' if self.keeps_cookies else "",
            "headers": f"{{ {headers} }}" if headers else "",
            "body": f"JSON.stringify({json.dumps(self.body, ensure_ascii=False)})" if self.body is not None else "",
        }
        lines = "".join(f"  {name}: {value},\n" for name, value in options.items() if value)
        given = f", {{\n{lines}}}" if lines else ""
        return f'const answer = await fetch("{self.address}"{given});\nconsole.log(answer.status, await answer.json());'

    def python(self) -> str:
        given = [repr(self.address)]
        if self.body is not None:
            given.append(f"json={self.body!r}")
        if self.takes_key:
            given.append(f'headers={{"Authorization": "Bearer " + os.environ["{_SERVICE_KEY}"]}}')
        between = ",\n    "
        arguments = given[0] if len(given) == 1 else f"\n    {between.join(given)},\n"
        lines = ["import os\n"] if self.takes_key else []
        lines.append("import httpx2\n")
        if self.keeps_cookies:
            lines.append("client = httpx2.Client()  # keeps the cookies")
        lines.append(f"answer = {'client' if self.keeps_cookies else 'httpx2'}.{self.method.lower()}({arguments})")
        return "\n".join([*lines, "print(answer.status_code, answer.json())"])


def needs_service_key(operation: Mapping[str, Any]) -> bool:
    return any(SERVICE_KEY in scheme for scheme in operation.get("security", ()))


def example_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the required members, and others whose example adds something."""
    body: dict[str, Any] = {}
    for name, member in schema.get("properties", {}).items():
        example = next(_examples(member), None)
        if name in schema.get("required", ()) or example not in (None, *body.values()):
            body[name] = example
    return body


def resolve_reference(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        referenced: Mapping[str, Any] = known[schema["$ref"].removeprefix(_REFERENCE)]
        return referenced
    return schema


def _examples(member: Mapping[str, Any]) -> Iterator[Any]:
    for choice in (member, *member.get("oneOf", ())):
        yield from choice.get("examples", ())
