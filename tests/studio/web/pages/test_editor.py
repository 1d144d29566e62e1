"""Places that open in the user's editor."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.studio.web.fixtures import opened

from keyturn.errors import SettingsInvalid
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.web.app import Studio
from keyturn.studio.web.pages.editor import editor_for

VSCODE = StudioSettings(editor="vscode")
OF_OTHERS = {
    "at": "http://studio.lan:8001",
    "settings": VSCODE,
    "host": "studio.lan",
    "token": "secret",
}


def page_of(
    studio: Studio, address: str = "greeting?sample=ada&show=source", **changes: Any
) -> str:
    with opened(studio, **changes) as client:
        return client.get(f"/studio/templates/{address}").text


@pytest.mark.parametrize(
    ("name", "path", "address"),
    [
        ("vscode", "/mails/a.mjml", "vscode://file/mails/a.mjml:3:7"),
        ("zed", "/mails/a.mjml", "zed://file/mails/a.mjml:3:7"),
        ("pycharm", "/mails/a.mjml", "pycharm://open?file=/mails/a.mjml&line=3&column=7"),
        ("textmate", "/mails/a.mjml", "txmt://open?url=file:///mails/a.mjml&line=3&column=7"),
        ("kate://{path}#{line}", "/mails/a.mjml", "kate:///mails/a.mjml#3"),
        (
            "vscode",
            "/my mails/größe?#&.mjml",
            "vscode://file/my%20mails/gr%C3%B6%C3%9Fe%3F%23%26.mjml:3:7",
        ),
        ("vscode", "/{line}/a.mjml", "vscode://file/%7Bline%7D/a.mjml:3:7"),
        ("vscode", "a.mjml", f"vscode://file{Path.cwd()}/a.mjml:3:7"),
    ],
)
def test_an_editor_is_called_by_a_name_or_a_pattern_with_the_whole_path(
    name: str, path: str, address: str
) -> None:
    editor = editor_for(name)
    assert editor
    assert editor.url(Path(path), 3, 7) == address


@pytest.mark.parametrize(
    "setting",
    [
        "notepad",
        "vscode://file",
        "{path}",
        "javascript:alert('{path}')",
        "data:,{path}",
        "://[{path}",
    ],
)
def test_an_editor_that_nobody_knows_is_refused_with_those_that_are_known(setting: str) -> None:
    said = r"^editor: .* must be one of vscode, vscodium, .*pattern such as vscode://"
    with pytest.raises(SettingsInvalid, match=said):
        editor_for(setting)


@pytest.mark.long
def test_a_source_a_fault_and_a_finding_open_in_the_editor_at_their_line(
    studio: Studio, folder: Path
) -> None:
    file = folder / "greeting" / "greeting.mjml"
    start = f"vscode://file{file.as_uri().removeprefix('file://')}"
    source = page_of(studio, settings=VSCODE)
    assert f'href="{start}:1:1" title=' in source
    assert "Open in VS Code" in source
    file.write_text(file.read_text().replace("<mj-text>The end", '<mj-text colour="red">The end'))
    assert f'href="{start}:8:10"' in page_of(
        studio, "greeting?sample=ada&tab=checks", settings=VSCODE
    )
    file.write_text(file.read_text().replace("Hello {{ name }}", "Hello {{ nmae }}"))
    broken = page_of(studio, "greeting?sample=ada", settings=VSCODE)
    assert f'href="{start}:5:19"' in broken[broken.index('class="fault"') :]


def test_what_was_compiled_is_on_no_disk_and_opens_nowhere(studio: Studio) -> None:
    page = page_of(studio, "greeting?sample=ada&show=source&file=html", settings=VSCODE)
    assert not re.search(r"<h2>[^\n]*Open in", page)


@pytest.mark.parametrize("changes", [{}, OF_OTHERS])
def test_where_no_editor_is_set_or_others_look_on_nothing_opens(
    studio: Studio, changes: dict[str, Any]
) -> None:
    page = page_of(studio, "greeting?sample=ada&show=source&token=secret", **changes)
    assert "greeting.mjml" in page
    assert "vscode:" not in page
    assert "Open in" not in page
