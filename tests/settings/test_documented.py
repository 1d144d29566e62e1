"""The tables that are made of types, and docs/settings.md: every setting is there."""

import re
from itertools import product

import pytest
from tests.house import reference
from tests.house.reference import DOCS
from tests.house.weight import files_of
from tests.settings.reading import Read

from keyturn.mail.providers import PROVIDERS
from keyturn.service.settings.reading import environment_name, setting_names

PROVIDERS_PAGE = (DOCS / "mail-providers.md").read_text("utf-8")
CALL = re.compile(r"""log\.(\w+)\(\s*LogEvent\(\s*"([\w.]+)\"""")
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
    pages = (DOCS / "settings.md").read_text("utf-8") + PROVIDERS_PAGE
    documented = re.findall(r"\| `(KEYTURN_[A-Z_]+)` \|", pages)

    assert sorted(documented) == sorted(map(environment_name, setting_names()))


def test_the_table_of_mail_providers_says_what_each_needs_and_whether_it_reports() -> None:
    found = re.findall(r"(?m)^\| \[`(\w+)`\]\(#[\w-]+\) \| (.+?) \| (.+?) \|", PROVIDERS_PAGE)

    assert {name: re.findall("`(.+?)`", needs) for name, needs, _ in found} == {
        name: [*map(provider.known_as, provider.needs)] for name, provider in PROVIDERS.items()
    }
    assert {name for name, _, proven in found if proven != "there are none"} == {
        name for name, provider in PROVIDERS.items() if provider.reports
    }


@pytest.mark.parametrize("page", ["settings.md", "beside-your-app.md", "plugin.md"])
def test_what_is_shown_can_be_read(read: Read, page: str) -> None:
    shown = re.findall(r"(?s)```toml\n(.*?)```", (DOCS / page).read_text("utf-8"))

    for toml in shown:
        lines = toml.splitlines()
        alternatives = [lines] if "[" in toml else [[line] for line in lines]  # "All of these work"
        for alternative in alternatives:
            assert read("\n".join(alternative), **APP)


def test_each_log_event_is_documented_with_its_level() -> None:
    table = (DOCS / "observability.md").read_text("utf-8").partition("| event |")[2].partition("\n\n")[0]
    rows = [
        (re.findall(r"`(\w+\.\w+)`", names), levels)
        for names, levels in re.findall(r"(?m)^\| (.+?) \| (.+?) \|", table)
    ]
    documented = {pair for names, levels in rows for pair in product(names, levels.split(", "))}
    written = [call for file in files_of("src/keyturn", ".py") for call in CALL.findall(file.read_text("utf-8"))]

    assert {(name, level.replace("exception", "error")) for level, name in written} - documented == set()
    assert len(written) > 40
