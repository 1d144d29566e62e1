"""Apps in any language render and check mails over HTTP."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serving import serving

from keyturn.emails.engines.folder_engine import open_templates
from keyturn.emails.mails import Mails
from keyturn.emails.render_server import create_render_app, jobs
from keyturn.emails.renderers import Limits, RendererPool

pytestmark = pytest.mark.long

LIMITS = Limits(seconds=0.5, megabytes=256)
LAYOUT = """<mjml><mj-head><mj-title>{% block subject %}{% endblock %}</mj-title></mj-head>
<mj-body><mj-section><mj-column>
<mj-text>{% block words %}{% endblock %}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
SHIPPED = """{% extends "_layout/base.mjml" %}
{% block subject %}Order {{ order.number }} is on its way{% endblock %}
{% block words %}{% for item in order.items %}{{ item.name }}{% endfor %}{% if late %}Sorry!{% endif %}{% endblock %}
"""
ORDER = {"number": 7, "items": [{"name": "Tea & <cakes>"}]}
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def folder_of(folder: Path) -> Mails:
    (folder / "_layout").mkdir(parents=True)
    (folder / "_layout" / "base.mjml").write_text(LAYOUT)
    (folder / "orders").mkdir()
    (folder / "orders" / "shipped.mjml").write_text(SHIPPED)
    (folder / "orders" / "shipped.txt").write_text("Order {{ order.number }}")
    (folder / "orders" / "shipped.samples.toml").write_text(
        "[first]\nlate = true\norder = { number = 1, items = [] }\n"
    )
    return Mails(open_templates(folder, sandboxed=True))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    runner = RendererPool(folder_of(tmp_path_factory.mktemp("server") / "emails"), LIMITS, 2)
    try:
        runner.start()
        with serving(create_render_app(runner, workers=2, limits=LIMITS)) as address:
            yield address
    finally:
        runner.close()


def ask(server: str, path: str, **mail: Any) -> httpx.Response:
    return httpx.post(f"{server}/api/{path}", json=mail, timeout=30)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


def test_a_template_is_rendered_with_the_data_of_the_request(server: str) -> None:
    answer = ask(server, "render", template="orders/shipped", data={"order": ORDER, "late": False})

    assert answer.status_code == 200
    mail = answer.json()
    assert (mail["subject"], mail["text"], mail["language"]) == ("Order 7 is on its way", "Order 7\n", "en")
    assert "Tea &amp; &lt;cakes&gt;" in mail["html"]
    assert "Sorry!" not in mail["html"]


def test_without_data_the_first_sample_is_rendered(server: str) -> None:
    assert "Sorry!" in ask(server, "render", template="orders/shipped").json()["html"]


def test_a_request_may_bring_its_own_folder_which_is_gone_afterwards(server: str) -> None:
    files = {"base.html": "<h1>{% block words %}{% endblock %}</h1>"}
    files["mails/hello.html"] = '{% extends "base.html" %}{% block words %}Hello {{ name }}{% endblock %}'
    answer = ask(server, "render", template="mails/hello", files=files, data={"name": "Ada"})

    assert answer.json()["html"] == "<h1>Hello Ada</h1>"
    assert problem(ask(server, "render", template="mails/hello")) == (404, "There is no template called mails/hello.")


def test_a_check_returns_all_findings_of_the_mail_with_their_lines(server: str) -> None:
    files = {"hello.html": "<p>Hello {{ name }}\n<a href='/start'>Start</a> {{ nme }}</p>"}
    checked = ask(server, "check", template="hello", files=files, data={"name": "Ada"}).json()

    found = {one["rule"]: one["place"]["line"] for one in checked["findings"]}
    assert found["links/relative"] == 2
    assert found["jinja/undefined"] == 2
    assert checked["errors"] == 2
    assert len(checked["findings"]) == checked["errors"] + checked["warnings"] + checked["notes"]
    severities = [one["severity"] for one in checked["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert checked["unchecked"] == ""


def test_a_check_says_that_a_mail_was_not_checked_in_full(server: str) -> None:
    files = {"hello.html": "<p>Hello {% include 'boats.html' %}"}
    checked = ask(server, "check", template="hello", files=files).json()
    assert checked["unchecked"] == "This mail was not checked in full: parts of it cannot be rendered."


def test_a_mail_without_mistakes_is_checked_without_errors(server: str) -> None:
    checked = ask(server, "check", template="orders/shipped", data={"order": ORDER, "late": True}).json()
    assert checked["errors"] == 0


def test_the_templates_are_listed_and_their_data_described(server: str) -> None:
    assert httpx.get(f"{server}/api/templates").json() == ["orders/shipped"]
    described = httpx.get(f"{server}/api/templates/orders/shipped").json()

    assert (described["samples"], described["languages"]) == (["first"], ["en"])
    assert described["data"]["properties"] == {
        "order": {
            "type": "object",
            "properties": {
                "number": {},
                "items": {"type": "array", "items": {"type": "object", "properties": {"name": {}}}},
            },
        },
        "late": {"type": "boolean"},
    }


def test_functions_of_an_app_are_no_data_that_a_program_must_send(tmp_path: Path) -> None:
    (tmp_path / "news.html").write_text(
        "<p>{{ url_for('start', day=today) }} {{ user.name }} {{ user.initials() }}</p>"
    )

    described = jobs.describe(Mails(open_templates(tmp_path, sandboxed=True)), "news")

    assert described.data["properties"] == {
        "today": {},
        "user": {"type": "object", "properties": {"name": {}}},
    }


@pytest.mark.parametrize(
    ("mail", "status", "detail"),
    [
        ({"template": "nothing"}, 404, "There is no template called nothing."),
        ({"template": "orders/shipped", "brand": "other"}, 404, "There is no brand called other."),
        ({"template": "orders/shipped", "dta": {}}, 400, "the body: Object contains unknown field `dta`"),
        ({"data": {}}, 400, "the body: Object missing required field `template`"),
        ({"template": "orders/shipped", "data": {}}, 422, "orders/shipped.mjml:2: 'order' is undefined"),
        ({"template": "a", "files": {"a.html": "{% if %}"}}, 422, "a.html:1: "),
        (
            {"template": "a", "files": {"a.html": '{% include "b.html" %}'}},
            422,
            "a.html:1: there is no template b.html",
        ),
        ({"template": "a", "files": {"a.hbs": "{{#if a}}x{{/if}}"}}, 422, "The folder contains Handlebars templates"),
        ({"template": "a", "files": {"../a.html": ""}}, 400, "files: '../a.html' is not a path within a folder"),
        ({"template": "a", "files": {"a/" * 900 + "a.html": ""}}, 400, "files: a path has more than 16 parts"),
        ({"template": "a", "files": {"/etc/a.html": ""}}, 400, "files: '/etc/a.html' is not a path within a folder"),
        ({"template": "a", "files": {"..\\a.html": ""}}, 400, "files: '..\\\\a.html' is not a path within a folder"),
        (
            {"template": "a", "files": {"a.html": "", "a.html/b.html": ""}},
            400,
            "files: 'a.html/b.html' cannot be written",
        ),
        (
            {"template": "a", "files": {"a.html": ENDLESS}},
            422,
            "The mail was not rendered: it takes longer than 0.5 seconds.",
        ),
        ({"template": "a", "files": {"a.html": "{{ ''.__class__ }}"}}, 422, "a.html:1: "),
    ],
)
def test_what_cannot_be_rendered_is_a_problem_that_says_where(
    server: str, mail: dict[str, Any], status: int, detail: str
) -> None:
    refused = ask(server, "render", **mail)

    assert problem(refused)[0] == status
    assert problem(refused)[1].startswith(detail)
    assert httpx.get(f"{server}/livez").text == "ok"


def test_a_mistake_names_its_file_and_line_for_programs(server: str) -> None:
    refused = ask(server, "render", template="orders/shipped", data={}).json()
    assert (refused["file"], refused["line"]) == ("orders/shipped.mjml", 2)


def test_a_body_that_is_too_large_or_no_json_is_refused(server: str) -> None:
    large = httpx.post(f"{server}/api/render", content=b" " * 2_000_001, headers={"content-type": "application/json"})
    assert problem(large)[0] == 413
    broken = httpx.post(f"{server}/api/render", content=b"{", headers={"content-type": "application/json"})
    assert problem(broken)[0] == 400
    empty = httpx.post(f"{server}/api/render", headers={"content-type": "application/json"})
    assert problem(empty) == (400, "the body is empty")


def test_pages_of_other_sites_and_other_names_of_this_machine_are_refused(server: str) -> None:
    mail = {"template": "orders/shipped"}
    foreign = httpx.post(f"{server}/api/render", json=mail, headers={"origin": "https://evil.example"})
    rebound = httpx.post(f"{server}/api/render", json=mail, headers={"host": "evil.example"})

    assert (problem(foreign)[0], problem(rebound)[0]) == (403, 421)


def test_one_slow_mail_delays_no_other_and_many_are_rendered_at_a_time(server: str) -> None:
    with ThreadPoolExecutor(9) as clients:
        slow = clients.submit(ask, server, "render", template="a", files={"a.html": ENDLESS})
        quick = list(clients.map(lambda _: ask(server, "render", template="orders/shipped").status_code, range(40)))

    assert quick == [200] * 40
    assert slow.result().status_code == 422


def test_only_programs_with_the_token_reach_a_server_on_the_network(tmp_path: Path) -> None:
    token = "k" * 30
    runner = RendererPool(folder_of(tmp_path / "emails"), LIMITS, 1)
    try:
        with serving(create_render_app(runner, workers=1, limits=LIMITS, host="192.0.2.7", token=token)) as address:
            templates = f"{address}/api/templates"
            assert problem(httpx.get(templates))[0] == 401
            assert problem(httpx.get(templates, headers={"authorization": "Bearer wrong"}))[0] == 401
            assert httpx.get(templates, headers={"authorization": f"Bearer {token}"}).json() == ["orders/shipped"]
            assert httpx.get(f"{address}/livez").text == "ok"
    finally:
        runner.close()


def test_the_openapi_document_describes_both_requests(server: str) -> None:
    document = httpx.get(f"{server}/api/openapi/json").json()

    assert set(document["paths"]) == {"/api/templates", "/api/templates/{template}", "/api/render", "/api/check"}
    assert "template" in document["components"]["schemas"]["MailRequest"]["properties"]


def test_an_app_in_node_renders_a_mail(server: str, node: str) -> None:
    script = f"""
    const answer = await fetch("{server}/api/render", {{
      method: "POST",
      headers: {{ "content-type": "application/json" }},
      body: JSON.stringify({{ template: "orders/shipped", data: {json.dumps({"order": ORDER, "late": False})} }}),
    }})
    console.log((await answer.json()).subject)
    """
    run = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    assert run.stdout == "Order 7 is on its way\n"
