"""Links that open a file at its line in the reader's editor."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from keyturn.errors import Fault, SettingsInvalid
from keyturn.hosts import split_address


class Editor(NamedTuple):
    """An editor with links of its own.

    `pattern` holds {path}, and {line} and {column} if the editor knows them.
    """

    name: str
    pattern: str

    def url(self, file: Path, line: int = 1, column: int = 1) -> str:
        """Return the link to a place. The path is percent-encoded as in a file URI (RFC 8089)."""
        path = file.absolute().as_uri().removeprefix("file://")
        in_file = self.pattern.replace("{path}", path)
        return in_file.replace("{line}", str(line)).replace("{column}", str(column))


# VS Code documents its links ("Opening VS Code with URLs"), and its forks and Zed
# (open_listener.rs) follow it. The IDEs of JetBrains register theirs through the Toolbox, TextMate
# documents txmt://; subl:// and emacs:// need a handler that people install.
PRESETS: Mapping[str, Editor] = {
    "vscode": Editor("VS Code", "vscode://file{path}:{line}:{column}"),
    "vscodium": Editor("VSCodium", "vscodium://file{path}:{line}:{column}"),
    "cursor": Editor("Cursor", "cursor://file{path}:{line}:{column}"),
    "windsurf": Editor("Windsurf", "windsurf://file{path}:{line}:{column}"),
    "zed": Editor("Zed", "zed://file{path}:{line}:{column}"),
    "idea": Editor("IntelliJ IDEA", "idea://open?file={path}&line={line}&column={column}"),
    "pycharm": Editor("PyCharm", "pycharm://open?file={path}&line={line}&column={column}"),
    "webstorm": Editor("WebStorm", "webstorm://open?file={path}&line={line}&column={column}"),
    "textmate": Editor("TextMate", "txmt://open?url=file://{path}&line={line}&column={column}"),
    "sublime": Editor("Sublime Text", "subl://open?url=file://{path}&line={line}&column={column}"),
    "emacs": Editor("Emacs", "emacs://open?url=file://{path}&line={line}&column={column}"),
}


def editor_for(setting: str) -> Editor | None:
    """Return the editor of a name or a pattern; None if it is empty.

    Raises SettingsInvalid if it opens nothing.
    """
    if not setting or setting in PRESETS:
        return PRESETS.get(setting)
    # A click opens a program. The excluded schemes run their contents (HTML Standard 7.4.2.3.2, RFC
    # 2397).
    is_harmful = split_address(setting).scheme in ("", "javascript", "data")
    if is_harmful or "{path}" not in setting:
        names = ", ".join(PRESETS)
        example = "vscode://file{path}:{line}"
        says = f"{setting!r} must be one of {names}, or a pattern such as {example}"
        raise SettingsInvalid([Fault("editor", says)])
    return Editor("the editor", setting)
