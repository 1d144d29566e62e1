"""The pages: their tables are made of types, and their commands, settings and code are what Keyturn
reads.
"""

import ast
import json
import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from textwrap import dedent

import click
import pytest
import yaml
from babel.messages.pofile import read_po
from jinja2 import Environment
from tests.house import reference
from tests.house.checkout import CHECKOUT, files_of
from tests.house.reference import DOCS

from keyturn.cli import COMMANDS, keyturn
from keyturn.service.settings.reading import (
    environment_name,
    inspect_settings,
    read_settings,
    setting_names,
)
from keyturn.studio.gallery.configuration import read_studio_settings

PAGES = sorted(
    str(file.relative_to(CHECKOUT)) for pages in ("docs", "*.md") for file in files_of(pages, ".md")
)
PAGES.remove("CHANGELOG.md")  # it names commands that went
BLOCK = re.compile(r"(?ms)^( *)```(\w*)\n(.*?)^\1```$")
COMMAND = re.compile(
    rf"(?m)(?:^|[/ `])keyturn ((?:{'|'.join(COMMANDS)})\b(?:'[^'\n]*'|[^'|&#`>\n])*)"
)
READ: dict[str, Callable[[str], object]] = {
    "python": lambda code: compile(code, "docs", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT),
    "json": json.loads,
    "yaml": yaml.safe_load,
    "po": lambda code: read_po(StringIO(code), abort_invalid=True),
    "jinja": Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).parse,
}
INCOMPLETE = re.compile(r"missing|is set, but|no such f|no catalogue|no effect")
"""Faults of settings that stand on a page as a part of a file."""

APP = {
    "BASE_URL": "https://account.example.org",
    "EMAIL_FROM": "hello@northwind.example",
    "EMAIL_PASS": "hunter2",
    "DATABASE_URL": "postgresql://app:hunter2@db/school",
}


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_tables_of_a_page_are_made_of_types(name: str) -> None:
    page = (DOCS / name).read_text("utf-8")

    assert reference.page_of(page) == page, "run `just reference`"


def test_every_setting_is_documented_with_its_variable() -> None:
    pages = "".join(
        (DOCS / name).read_text("utf-8") for name in ("settings.md", "mail-providers.md")
    )
    documented = re.findall(r"\| `(KEYTURN_[A-Z_]+)` \|", pages)

    assert sorted(documented) == sorted(map(environment_name, setting_names()))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_commands_of_a_page_and_their_options_exist(page: str) -> None:
    for words in COMMAND.findall((CHECKOUT / page).read_text("utf-8").replace("\\\n", " ")):
        command: click.Command = keyturn
        context, rest = click.Context(command), shlex.split(words)
        while isinstance(command, click.Group) and rest:
            command = command.get_command(context, rest.pop(0)) or pytest.fail(words)
            context = click.Context(command, context)
        with suppress(click.BadOptionUsage):  # prose names options without their values
            command.make_parser(context).parse_args(rest)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_code_of_a_page_can_be_read(page: str, tmp_path: Path) -> None:
    for _, language, code in BLOCK.findall((CHECKOUT / page).read_text("utf-8")):
        READ.get(language, str)(dedent(code))
        (tmp_path / "pyproject.toml").write_text(code if language == "toml" else "")
        if "[tool." in code:
            read_studio_settings(tmp_path)
        elif language == "toml":
            whole = [code] if "[" in code else code.splitlines()  # "All of these work"
            for toml in whole:
                (tmp_path / "keyturn.toml").write_text(toml)
                environment = dict.fromkeys(re.findall(r"\${(\w+)}", toml), "x" * 32) | APP
                faults = inspect_settings(
                    tmp_path / "keyturn.toml", environment, sending=False
                ).faults
                assert [fault for fault in faults if not INCOMPLETE.search(fault.message)] == []


def test_the_tests_that_security_names_exist() -> None:
    tests = re.findall(
        r"`(?:tests/)?([\w/]*test_\w+\.py)`", (DOCS / "security.md").read_text("utf-8")
    )

    assert [name for name in tests if not any((CHECKOUT / "tests").rglob(name))] == []
    assert len(tests) > 30


EXAMPLES = [
    file
    for file in CHECKOUT.glob("examples/*/keyturn.toml")
    if not file.with_name("schema.sql").exists()
]
"""Those without a demo. tests/browser/elements opens their pages."""


@pytest.mark.parametrize("file", sorted(EXAMPLES), ids=lambda file: file.parent.name)
def test_the_settings_of_an_example_hold(file: Path) -> None:
    settings = read_settings(file, {"KEYTURN_SECRET_KEY": "s" * 32, "RESEND_API_KEY": "re_example"})

    assert (settings.environment, settings.secure) == ("production", True)
