"""[tool.keyturn.studio] and [studio]: found, read, and every fault said at once."""

from pathlib import Path

import pytest

from keyturn.emails.gallery.configuration import StudioSettings, read_studio_settings, settings_of_folder
from keyturn.errors import SettingsInvalid
from keyturn.settings import read_settings

FULL = """\
folder = "emails"
env = "shop.mails:environment"
props = "shop.mails"
samples = "fixtures"
layouts = ["frames/*"]
ignore = ["drafts/*"]
locales = "locales"
languages = ["de", "pt-BR"]
timezone = "Europe/Berlin"
sender = "Northwind School <post@northwind.example>"
clients = ["outlook", "germany"]
goldens = "tests/goldens"
editor = "vscode"
globals = { site = { name = "Northwind School" } }
brands.harbour = { site = { name = "Harbour School" } }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("emails/deep/down", "fixtures", "locales"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def faults(folder: Path) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as caught:
        read_studio_settings(folder)
    return {fault.name.rpartition(" ")[2]: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize(("name", "section"), [("pyproject.toml", "tool.keyturn.studio"), ("keyturn.toml", "studio")])
def test_it_is_found_from_the_folder_upwards_and_paths_start_at_its_file(
    project: Path, name: str, section: str
) -> None:
    (project / name).write_text(f"[{section}]\n{FULL}")

    settings = read_studio_settings(project / "emails" / "deep" / "down")

    assert settings == StudioSettings(
        folder=project / "emails",
        env="shop.mails:environment",
        props="shop.mails",
        samples=project / "fixtures",
        layouts=("frames/*",),
        ignore=("drafts/*",),
        locales=project / "locales",
        languages=("de", "pt-BR"),
        timezone="Europe/Berlin",
        sender="Northwind School <post@northwind.example>",
        clients=("outlook", "germany"),
        goldens=project / "tests" / "goldens",
        editor="vscode",
        globals={"site": {"name": "Northwind School"}},
        brands={"harbour": {"site": {"name": "Harbour School"}}},
        file=project / name,
    )


def test_a_folder_needs_none(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.other]\nx = 1\n")

    assert read_studio_settings(project / "emails") == StudioSettings()


def test_the_nearest_settings_count(project: Path) -> None:
    (project / "emails" / "keyturn.toml").write_text('[studio]\nsender = "near"\n')
    (project / "keyturn.toml").write_text('[studio]\nsender = "far"\n')

    assert settings_of_folder(project / "emails" / "deep").sender == "near"
    assert settings_of_folder(project / "fixtures").sender == "far"


def test_what_lies_above_a_repository_is_another_projects(project: Path) -> None:
    (project / "keyturn.toml").write_text('[studio]\nsender = "far"\n')
    (project / "emails" / ".git").mkdir()

    assert settings_of_folder(project / "emails" / "deep") == StudioSettings()


def test_settings_that_name_a_folder_are_of_no_other(project: Path) -> None:
    (project / "keyturn.toml").write_text('[studio]\nfolder = "emails"\nsender = "hers"\ngoldens = "golden"\n')

    assert settings_of_folder(project / "fixtures") == StudioSettings()
    assert settings_of_folder(project / "emails").goldens == project / "golden"


@pytest.mark.parametrize("named", ['folder = "emails"\n', ""])
def test_golden_files_of_one_folder_are_not_compared_with_the_mails_of_another(project: Path, named: str) -> None:
    (project / "keyturn.toml").write_text(f'[studio]\n{named}sender = "hers"\ngoldens = "golden"\n')

    beneath = settings_of_folder(project / "emails" / "deep")

    assert (beneath.sender, beneath.goldens) == ("hers", None)


def test_every_fault_is_told_at_once_with_its_file(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        "[tool.keyturn.studio]\n"
        'foldr = "emails"\nfolder = "nowhere"\nenv = "shop/mails.py"\nlayouts = "frames"\ntimezone = "Europe/Leeds"\n'
        'languages = ["xx-YY"]\nsamples = 3\nbrands = { harbour = 1 }\n'
    )

    found = faults(project)

    assert found["foldr"] == "unknown setting; did you mean folder?"
    assert found["folder"] == "no such folder: nowhere"
    assert found["env"] == "is written as package.module:environment"
    assert found["layouts"].startswith("Expected `array`")
    assert found["timezone"] == "no such time zone: Europe/Leeds"
    assert found["languages"] == "no such language: xx-YY"
    assert found["samples"] == "Expected `str`, got `int`"
    assert found["brands"].startswith("Expected `object`, got `int`")
    with pytest.raises(SettingsInvalid, match=r"pyproject\.toml \[tool\.keyturn\.studio\] foldr: unknown setting"):
        read_studio_settings(project)


@pytest.mark.parametrize("text", ["[tool.keyturn]\nstudio = 1\n", "[tool.keyturn\n"])
def test_a_file_that_is_something_else_is_told(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text)

    with pytest.raises(SettingsInvalid, match=r"pyproject\.toml: "):
        read_studio_settings(project)


def test_it_is_no_fault_of_the_service(project: Path) -> None:
    (project / "keyturn.toml").write_text('timezone = "Europe/Berlin"\n[studio]\nfolder = "emails"\n')

    assert read_settings(project / "keyturn.toml", {}, sending=False).timezone == "Europe/Berlin"
