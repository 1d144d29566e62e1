"""`keyturn mcp`, as a coding agent uses it: it sees mails, finds mistakes, and finds the line behind a pixel."""

import re
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

pytestmark = pytest.mark.long

MAIL = """<mjml>
  <mj-head><mj-title>Welcome, {{ user.name }}</mj-title></mj-head>
  <mj-body>
    <mj-section><mj-column>
      <mj-text>Hello {{ user.name }}</mj-text>
      <mj-button href="https://example.com/start" algin="left">Start</mj-button>
    </mj-column></mj-section>
  </mj-body>
</mjml>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "welcome.mjml").write_text(MAIL)
    (tmp_path / "welcome.samples.toml").write_text('[ada]\nuser = { name = "Ada" }\n[bea]\nuser = { name = "Bea" }\n')
    return tmp_path


@asynccontextmanager
async def agent_of(folder: Path) -> AsyncIterator[Client]:
    """Start the server as an agent does."""
    server = StdioServerParameters(command=sys.executable, args=["-m", "keyturn", "mcp", str(folder)])
    async with Client(stdio_client(server)) as client:
        yield client


async def call(agent: Client, tool: str, **given: Any) -> Any:
    answer = await agent.call_tool(tool, given)
    assert not answer.is_error, answer.content
    found = answer.structured_content
    assert found is not None
    return found["result"] if set(found) == {"result"} else found


async def refusal(agent: Client, tool: str, **given: Any) -> str:
    answer = await agent.call_tool(tool, given)
    assert answer.is_error
    return "".join(one.text for one in answer.content if one.type == "text")


async def test_an_agent_finds_a_planted_mistake_and_sees_that_it_is_mended(folder: Path) -> None:
    async with agent_of(folder) as agent:
        (mail,) = await call(agent, "list_mails")
        assert (mail["template"], mail["samples"]) == ("welcome", ["ada", "bea"])

        first = (await call(agent, "find_mistakes", template="welcome"))[0]
        assert (first["severity"], first["rule"]) == ("error", "mjml/unknown-attribute")
        file, line, column = first["places"][0].split(":")
        assert "align" in first["fix"]

        lines = (folder / file).read_text().split("\n")
        before = lines[int(line) - 1]
        assert before[int(column) - 1 :].startswith("algin")
        lines[int(line) - 1] = before.replace("algin", "align")
        (folder / file).write_text("\n".join(lines))

        assert not [one for one in await call(agent, "find_mistakes") if one["severity"] == "error"]


async def test_an_agent_reads_what_an_inbox_shows_and_with_which_data(folder: Path) -> None:
    async with agent_of(folder) as agent:
        assert await call(agent, "sample_data", template="welcome", sample="bea") == {"user": {"name": "Bea"}}
        assert (await call(agent, "read_mail", template="welcome", sample="bea"))["subject"] == "Welcome, Bea"


@pytest.mark.usefixtures("browser")
async def test_a_picture_and_the_line_behind_a_pixel(folder: Path) -> None:
    async with agent_of(folder) as agent:
        answer = await agent.call_tool("render_mail", {"template": "welcome", "width": 320})
        (picture,) = [one for one in answer.content if one.type == "image"]
        png = b64decode(picture.data)
        assert png.startswith(b"\x89PNG")
        assert int.from_bytes(png[16:20], "big") == 320

        at = {"template": "welcome", "x": 160, "width": 320}
        assert (await call(agent, "line_at", y=40, **at)).startswith("welcome.mjml:5:")
        assert (await call(agent, "line_at", y=75, **at)).startswith("welcome.mjml:6:")
        for beyond in ({"x": 500, "y": 40}, {"x": 160, "y": 4000}):
            assert "no part of the mail at this pixel" in await refusal(agent, "line_at", **at | beyond)


@pytest.mark.usefixtures("browser")
async def test_beside_the_picture_of_a_broken_mail_are_its_errors_and_their_lines(folder: Path) -> None:
    welcome = folder / "welcome.mjml"
    async with agent_of(folder) as agent:
        whole = await agent.call_tool("render_mail", {"template": "welcome"})
        welcome.write_text(MAIL.replace("<mj-text", "<mj-text>{{ 1 / 0 }}</mj-text>\n<mj-text", 1))
        broken = await agent.call_tool("render_mail", {"template": "welcome"})
        errors = [one for one in await call(agent, "find_mistakes") if one["severity"] == "error"]

    assert [one.type for one in whole.content] == ["image"]
    assert [one.type for one in broken.content] == ["image", "text"]
    (said,) = [one.text for one in broken.content if one.type == "text"]
    assert said.splitlines()[1:] == [
        f"{one['places'][0]} {one['rule']}: {one['message']} {one['fix']}".rstrip() for one in errors
    ]
    assert "welcome.mjml:5:" in said


@pytest.mark.usefixtures("browser")
async def test_of_many_errors_the_first_five_are_beside_the_picture(folder: Path) -> None:
    faults = "".join(f"<mj-text>{{{{ {number} / 0 }}}} {{{{ wrong_{number} }}}}</mj-text>\n" for number in range(9))
    (folder / "welcome.mjml").write_text(MAIL.replace("<mj-text", f"{faults}<mj-text", 1))
    async with agent_of(folder) as agent:
        broken = await agent.call_tool("render_mail", {"template": "welcome"})

    (said,) = [one.text for one in broken.content if one.type == "text"]
    _, *errors, more = said.splitlines()
    assert len(errors) == 5
    assert re.fullmatch(r"find_mistakes has \d+ more\.", more)


@pytest.mark.usefixtures("browser")
async def test_images_of_other_hosts_are_boxes_with_the_names_of_their_files(folder: Path) -> None:
    def picture(answer: Any) -> bytes:
        return b64decode(next(one for one in answer.content if one.type == "image").data)

    pictures = set()
    async with agent_of(folder) as agent:
        for image in ('src="https://cdn.example/garden.png"', 'src="https://cdn.example/meadow.png"'):
            (folder / "welcome.mjml").write_text(MAIL.replace("<mj-text", f'<mj-image {image} alt="" /><mj-text', 1))
            pictures.add(picture(await agent.call_tool("render_mail", {"template": "welcome"})))
        at = {"template": "welcome", "x": 300, "y": 100}
        assert (await call(agent, "line_at", **at)).startswith("welcome.mjml:5:")
    assert len(pictures) == 2


@pytest.mark.usefixtures("browser")
async def test_a_mail_without_a_picture_says_why(folder: Path) -> None:
    (folder / "plain.txt").write_text("Hello {{ name }}\n")
    async with agent_of(folder) as agent:
        assert "plain has no HTML: call read_mail." in await refusal(agent, "render_mail", template="plain")
        (folder / "welcome.mjml").write_text(MAIL.replace("  </mj-body>\n", ""))
        said = await refusal(agent, "render_mail", template="welcome")
        assert "welcome cannot be rendered." in said
        assert "welcome.mjml:3:" in said


async def test_what_does_not_exist_is_one_sentence(folder: Path) -> None:
    async with agent_of(folder) as agent:
        assert "There is no template called goodbye." in await refusal(agent, "read_mail", template="goodbye")
        said = await refusal(agent, "find_mistakes", template="welcom")
        assert said.endswith("There is no template called welcom; did you mean welcome?")
        assert "it has ada, bea" in await refusal(agent, "sample_data", template="welcome", sample="carl")


async def test_a_mail_that_cannot_be_rendered_says_where_it_breaks(folder: Path) -> None:
    async with agent_of(folder) as agent:
        (folder / "welcome.mjml").write_text(MAIL.replace("{{ user.name }}</mj-text>", "{{ user.name }</mj-text>"))

        assert "welcome.mjml:5" in await refusal(agent, "read_mail", template="welcome")
        assert (await call(agent, "find_mistakes"))[0]["severity"] == "error"


async def test_a_mail_that_runs_away_is_one_sentence_and_the_server_lives(folder: Path) -> None:
    async with agent_of(folder) as agent:
        (folder / "welcome.mjml").write_text(
            MAIL.replace("Start<", "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}<")
        )
        assert "2 seconds" in await refusal(agent, "read_mail", template="welcome")

        (folder / "welcome.mjml").write_text(MAIL.replace("algin", "align"))
        assert (await call(agent, "read_mail", template="welcome"))["subject"] == "Welcome, Ada"


async def test_wrong_arguments_are_refused(folder: Path) -> None:
    async with agent_of(folder) as agent:
        assert "no_such_tool" in await refusal(agent, "no_such_tool")
        said = await refusal(agent, "render_mail", template="welcome", width=9)
        assert said == (
            "render_mail cannot use width: Input should be greater than or equal to 240. "
            "Its arguments are template, sample, language, width."
        )


async def test_a_missing_argument_is_named_beside_the_ones_that_the_tool_has(folder: Path) -> None:
    async with agent_of(folder) as agent:
        said = await refusal(agent, "read_mail", sample="bea")
        assert said == "read_mail needs the argument template. Its arguments are template, sample, language."
        said = await refusal(agent, "line_at", template="welcome", x="left")
        assert said.startswith("line_at needs the argument y, and cannot use x: Input should be a valid integer")
        assert "pydantic" not in said


async def test_a_misspelt_argument_is_refused_and_the_allowed_ones_are_named(folder: Path) -> None:
    async with agent_of(folder) as agent:
        said = await refusal(agent, "read_mail", template="welcome", sampel="bea")
        assert "read_mail has no argument sampel. Its arguments are template, sample, language." in said
        assert "list_mails has no argument folder. It has no arguments." in await refusal(
            agent, "list_mails", folder="."
        )
