"""[tool.keyturn.studio] and [studio]: found, read, and every fault said at once."""

from pathlib import Path

import msgspec
import pytest

from keyturn.errors import Fault, SettingsInvalid
from keyturn.service.settings.reading import read_settings
from keyturn.studio.gallery.configuration import (
    StudioSettings,
    read_studio_settings,
    refused_without_trust,
    settings_of_folder,
)

HARMLESS = """\
folder = "emails"
layouts = ["frames/*"]
ignore = ["drafts/*"]
suffixes = [".njk"]
locales = "locales"
languages = ["de"]
timezone = "Europe/Berlin"
sender = "Northwind School <post@northwind.example>"
clients = ["outlook"]
severity = { contrast = "off" }
snapshots = "tests/snapshots"
snapshot_languages = ["de"]
editor = "vscode"
limit_seconds = 1
limit_megabytes = 64
branches = false
globals = { site = { name = "Northwind School" } }
brands.harbour = { site = { name = "Harbour School" } }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("emails/deep/down", "fixtures", "locales"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "section"), [("pyproject.toml", "tool.keyturn.studio"), ("keyturn.toml", "studio")]
)
def test_it_is_found_from_the_folder_upwards_and_paths_begin_there(
    project: Path, name: str, section: str
) -> None:
    (project / name).write_text(f'[{section}]\nenv = "shop.mails:environment"\n{HARMLESS}')
    settings = read_studio_settings(project / "emails" / "deep" / "down")
    assert settings.file == project / name
    assert settings.folder == project / "emails"
    assert (settings.locales, settings.snapshots) == (
        project / "locales",
        project / "tests" / "snapshots",
    )
    assert (settings.env, settings.layouts, settings.languages) == (
        "shop.mails:environment",
        ("frames/*",),
        ("de",),
    )
    assert settings.brands == {"harbour": {"site": {"name": "Harbour School"}}}


def test_the_nearest_settings_of_the_same_repository_count_unless_their_folder_is_shared(
    project: Path,
) -> None:
    (project / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert read_studio_settings(project / "emails") == StudioSettings()
    (project / "keyturn.toml").write_text('[studio]\nsender = "far"\n')
    (project / "emails" / "keyturn.toml").write_text('[studio]\nsender = "near"\n')
    assert settings_of_folder(project / "emails" / "deep").sender == "near"
    assert settings_of_folder(project / "fixtures").sender == "far"
    (project / "fixtures" / ".git").mkdir()
    assert settings_of_folder(project / "fixtures") == StudioSettings()
    project.chmod(0o1777)  # a shared folder, in which other users may have left the file
    assert read_studio_settings(project / "locales") == StudioSettings()
    assert read_studio_settings(project).sender == "far"


@pytest.mark.parametrize("named", ['folder = "emails"\n', ""])
def test_settings_that_name_a_folder_and_snapshots_of_one_are_of_no_other(
    project: Path, named: str
) -> None:
    (project / "keyturn.toml").write_text(
        f'[studio]\n{named}sender = "hers"\nsnapshots = "snapshots"\n'
    )
    assert settings_of_folder(project / "fixtures").sender == ("" if named else "hers")
    beneath = settings_of_folder(project / "emails" / "deep")
    assert (beneath.sender, beneath.snapshots) == ("hers", None)
    own = settings_of_folder(project / "emails" if named else project)
    assert own.snapshots == project / "snapshots"


def test_settings_of_a_folder_that_name_one_out_of_its_bounds_are_refused_without_trust(
    project: Path,
) -> None:
    settings = project / "emails" / "keyturn.toml"
    settings.write_text('[studio]\nfolder = "/etc"\nsender = "hers"\n')
    with pytest.raises(SettingsInvalid) as refused:
        settings_of_folder(project / "emails")
    (fault,) = refused.value.faults
    assert fault.name == f"{settings} folder"
    assert (
        fault.message == f"leads out of {project / 'emails'}; if you trust the folder, add --trust"
    )
    assert settings_of_folder(project / "emails", trusted=True) == StudioSettings()


def test_every_fault_is_told_at_once_with_its_file(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        "[tool.keyturn.studio]\n"
        'foldr = "emails"\nfolder = "nowhere"\nenv = "shop/mails.py"\nlayouts = "frames"\n'
        'timezone = "Europe/Leeds"\n'
        'languages = ["xx-YY"]\nlocales = 3\nbrands = { harbour = 1 }\n'
        'limit_megabytes = 99999999\nsuffixes = ["njk"]\n'
    )

    with pytest.raises(
        SettingsInvalid, match=r"pyproject\.toml \[tool\.keyturn\.studio\] foldr: unknown"
    ) as caught:
        read_studio_settings(project)

    assert {fault.name.rpartition(" ")[2]: fault.message for fault in caught.value.faults} == {
        "foldr": "unknown setting; did you mean folder?",
        "folder": "no such folder: nowhere",
        "env": "must be written as package.module:environment",
        "layouts": "must be a list in which each item is a text, not 'frames'",
        "timezone": "no such time zone: Europe/Leeds",
        "languages": "no such language: xx-YY",
        "locales": "must be a text, not 3",
        "brands.harbour": "must be a table, not 1",
        "suffixes": "must begin with a dot and have no other, as .html: not 'njk'",
        "limit_megabytes": "must be a whole number from 64 to 16384, not 99999999",
    }


@pytest.mark.parametrize(
    "text",
    [
        "[tool.keyturn]\nstudio = 1\n",
        "[tool.keyturn\n",
        f"a = 1{'0' * 5_000}",
        "a = " + "[" * 3_000,
    ],
)
def test_a_file_that_is_something_else_is_told(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(SettingsInvalid, match=r"pyproject\.toml: (?!.*recursion)"):
        read_studio_settings(project)


def test_it_is_no_fault_of_the_service(project: Path) -> None:
    (project / "keyturn.toml").write_text(
        'timezone = "Europe/Berlin"\n[studio]\nfolder = "emails"\n'
    )
    assert read_settings(project / "keyturn.toml", {}, sending=False).timezone == "Europe/Berlin"


REFUSED = {
    "env": ('"shop.mails:environment"', 'would run the code of "shop.mails:environment"'),
    "props": ('"shop.mails"', 'would run the code of "shop.mails"'),
    "folder": ('"/"', "leads out of {project}"),
    "locales": ('"/etc"', "leads out of {project}"),
    "snapshots": ('"/tmp/snapshots"', "leads out of {project}"),
    "editor": (
        '"evil://{path}"',
        "is an address, 'evil://{{path}}', but only the name of an editor is allowed",
    ),
    "limit_seconds": ("5.1", "is 5.1, more than 5"),
    "limit_megabytes": ("513", "is 513, more than 512"),
}


def refused(project: Path, text: str) -> list[Fault]:
    (project / "keyturn.toml").write_text(f"[studio]\n{text}\n")
    return list(refused_without_trust(read_studio_settings(project)))


def test_a_setting_can_do_no_harm_or_counts_only_with_trust(project: Path) -> None:
    assert refused(project, HARMLESS) == []
    for name, (value, why) in REFUSED.items():
        told = f"{why.format(project=project)}; if you trust the folder, add --trust"
        assert refused(project, f"{name} = {value}") == [
            Fault(f"{project / 'keyturn.toml'} {name}", told)
        ]
    decided = {
        line.partition(" ")[0].partition(".")[0] for line in HARMLESS.splitlines()
    } | REFUSED.keys()
    assert {field.name for field in msgspec.structs.fields(StudioSettings)} <= decided | {"file"}


def test_a_folder_behind_a_link_counts_only_with_trust(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "elsewhere").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    (project / "beside").symlink_to("fixtures")
    (fault,) = refused(project, 'folder = "beside"\nlocales = "elsewhere"')
    assert fault.name.endswith(" locales")


@pytest.mark.parametrize("name", ["keyturn.toml", "pyproject.toml"])
@pytest.mark.parametrize(
    "content", ["[studio]\nsender = 'Mallory'\n[tool.keyturn.studio]\nfoldr = 1", "no TOML", None]
)
def test_settings_behind_a_link_out_of_the_folder_are_not_read_without_trust(
    project: Path, tmp_path_factory: pytest.TempPathFactory, name: str, content: str | None
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "settings.toml"
    if content:
        elsewhere.write_text(content)
    (project / name).symlink_to(elsewhere)
    with pytest.raises(SettingsInvalid) as refused:
        settings_of_folder(project / "emails")
    told = (
        f"is a link that leads out of {project}, so it is not read; if you trust the folder, "
        "add --trust"
    )
    assert refused.value.faults == (Fault(str(project / name), told),)


def test_settings_behind_a_link_are_read_if_trusted(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / ".git").mkdir()
    (project / "usual.toml").write_text('[studio]\nsender = "Ada"\n')
    (project / "emails" / "keyturn.toml").symlink_to("../usual.toml")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "settings.toml"
    elsewhere.write_text('[studio]\nsender = "Eve"\n')
    (project / "keyturn.toml").symlink_to(elsewhere)
    assert settings_of_folder(project / "emails").sender == "Ada"
    assert settings_of_folder(project, trusted=True).sender == "Eve"
    (fault,) = refused_without_trust(read_studio_settings(project))
    assert fault.message.startswith(f"is a link that leads out of {project}; ")


def test_settings_reach_their_whole_repository_but_no_home_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "emails" / "keyturn.toml").write_text('[studio]\nlocales = "../fixtures"\n')
    (project / ".git").mkdir()
    assert list(refused_without_trust(read_studio_settings(project / "emails"))) == []
    monkeypatch.setenv("HOME", str(project))
    assert [*refused_without_trust(read_studio_settings(project / "emails"))]
