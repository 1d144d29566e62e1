"""The API's reference at /schema: plain HTML from the OpenAPI schema, each route with curl and a form to try it."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Template
from litestar import Router
from litestar.openapi.plugins import OpenAPIRenderPlugin
from markupsafe import Markup, escape

from keyturn.api.requests import AnyRequest
from keyturn.api.responses import SERVICE_KEY
from keyturn.pages.assets import Assets
from keyturn.pages.rendering import page_environment
from keyturn.pages.security import security_headers
from keyturn.pages.site import Site


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object: its name, its type in words, and its meaning."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(slots=True)
class Operation:
    """One handler under all of its paths. `curl`: a command for the first path, with `body`.

    `takes_key`: the client must show the service key.
    """

    method: str
    summary: str
    description: str
    takes: list[Member]
    answers: list[tuple[str, str, list[list[Member]]]]
    curl: str
    body: str
    takes_key: bool
    paths: list[str] = field(default_factory=list)


class ReferencePage(OpenAPIRenderPlugin):
    """Draws the page from the schema, once. Litestar mounts it at the root of the path of the schema."""

    def __init__(self, site: Site, base_url: str) -> None:
        super().__init__(path="/")
        self._site = site
        self._base_url = base_url
        self._headers = security_headers(site)
        self._page = b""

    def router(self, path: str) -> Router:
        """Return the router for the page and the schema, with the pages' own headers."""
        return Router(path, route_handlers=[], response_headers=self._headers, include_in_schema=False)

    def render(self, _: AnyRequest, openapi_schema: dict[str, Any]) -> bytes:
        if not self._page:  # drawn once; a reload costs only a copy
            info = openapi_schema["info"]
            groups = groups_of(openapi_schema, self._base_url)
            page = self._template().render(title=info["title"], version=info["version"], groups=groups)
            self._page = page.encode()
        return self._page

    def _template(self) -> Template:
        """Compile the template when the page is first requested, so that the start is quicker."""
        environment = page_environment()
        environment.filters["prose"] = _code_in_prose
        asset = Assets(self._site, self._headers).url
        environment.globals.update(brand=self._site.brand, asset=asset, url=self._site.url)
        return environment.get_template("reference.html")


def groups_of(schema: Mapping[str, Any], base_url: str) -> dict[str, list[Operation]]:
    """Return the operations by tag, in the order of their paths; those that differ only in their path are one."""
    known = schema.get("components", {}).get("schemas", {})
    groups: dict[str, dict[tuple[str, str], Operation]] = {tag["name"]: {} for tag in schema.get("tags", [])}
    for path, methods in sorted(schema["paths"].items()):
        for method, description in methods.items():
            group = groups.setdefault(description.get("tags", ["Other"])[0], {})
            described = _operation(method, description, known, base_url + path)
            operation = group.setdefault((method, description["summary"]), described)
            operation.paths.append(path)
    return {tag: list(group.values()) for tag, group in groups.items() if group}


def _operation(method: str, description: Mapping[str, Any], known: Mapping[str, Any], address: str) -> Operation:
    body = description.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema")
    return Operation(
        method=method.upper(),
        summary=description["summary"],
        description=description.get("description", ""),
        takes=next(iter(_members(body, known)), []) if body else [],
        answers=[(status, *_answer(answer, known)) for status, answer in sorted(description["responses"].items())],
        curl=curl_command(method.upper(), address, description, known),
        body=json.dumps(example_body(resolve_reference(body, known)), indent=2, ensure_ascii=False) if body else "",
        takes_key=needs_service_key(description),
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
_BEARER = '-H "Authorization: Bearer $KEYTURN_INVITATIONS_SERVICE_KEY"'
_REFERENCE = "#/components/schemas/"


def curl_command(method: str, address: str, operation: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return the command, with the examples of the description. `known`: its schemas, by name.

    The commands of sessions keep cookies in a file, so that they work one after the other. The service key comes from a
    variable, so it stays out of the shell's history.
    """
    words = ["curl", "-i"]
    if "Sessions" in operation.get("tags", ()):
        words += ["-b", "cookies", "-c", "cookies"]
    words.append(address)
    body = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema")
    if body:
        words += ["--json", json.dumps(example_body(resolve_reference(body, known)), ensure_ascii=False)]
    elif method != "GET":
        words += ["-X", method]
    command = shlex.join(words)
    return f"{command} {_BEARER}" if needs_service_key(operation) else command


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
