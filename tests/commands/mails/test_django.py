"""Mails of a Django project on the command line: each time a process of its own, as Django has one
project in each.
"""

import json
import shutil
from pathlib import Path

import httpx2
import pytest
from tests.servers.processes import KEYTURN, output_of, run, running_demo
from tests.studio.engines.opened import PROJECT

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("django") / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder.parent / "keyturn.toml").write_text(
        '[studio]\nfolder = "project/shop"\nsnapshots = "project"\n'
    )
    return folder


def test_a_project_is_checked_and_rendered_by_its_settings_or_those_of_the_environment(
    project: Path,
) -> None:
    words = [*KEYTURN, "check", "shop/templates/shop/emails", "--django", "--format", "json"]
    checked = run(words, project, DJANGO_SETTINGS_MODULE="northwind.settings")
    assert checked.returncode == 1, checked.stderr
    found = [
        (one["rule"], one["file"], one["line"]) for one in json.loads(checked.stdout)["findings"]
    ]
    assert ("mjml/unknown-attribute", "shop/templates/shop/emails/welcome.html", 6) in found

    words = [
        *KEYTURN,
        "render",
        "shop/emails/receipt",
        "--django",
        "northwind.settings",
        "--lang",
        "de",
    ]
    mail = output_of([*words, "--format", "json"], project)
    assert json.loads(mail)["subject"] == "Danke, Ada"


def test_the_studio_shows_a_project_without_the_settings_of_a_folder_above(project: Path) -> None:
    command = [*KEYTURN, "studio", "--django", "northwind.settings", "--no-token", "--port", "0"]
    with running_demo(command, project) as studio:
        page = httpx2.get(f"{studio.url}/studio/templates/shop/emails/receipt", timeout=30).text
        studio.interrupt()
    assert "Thank you, Ada" in page
