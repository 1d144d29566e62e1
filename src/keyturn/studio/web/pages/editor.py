"""Links that open a file at its line in the reader's editor."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from keyturn.errors import Fault, SettingsInvalid
from keyturn.studio.lint.addresses import split_address


class Editor(NamedTuple):
    """An editor with links of its own. `pattern` holds {path}, and {line} and {column} if the editor knows them."""

    name: str
    pattern: str

    def url(self, file: Path, line: int = 1, column: int = 1) -> str:
        """Return the link to a place. The path is percent-encoded as in a file URI (RFC 8089)."""
        path = file.absolute().as_uri().removeprefix("file://")
        in_file = self.pattern.replace("{path}", path)
        return in_file.replace("{line}", str(line)).replace("{column}", str(column))


# The name of a setting, the editor, its links, and the commands in $EDITOR whose editors open them without further
# installation. VS Code documents its links ("Opening VS Code with URLs"), and its forks and Zed (open_listener.rs)
# follow it. The IDEs of JetBrains register theirs through the Toolbox, TextMate documents txmt://; subl:// and emacs://
# need a handler that people install.
_KNOWN = (
    ("vscode", "VS Code", "vscode://file{path}:{line}:{column}", "code code-insiders"),
    ("vscodium", "VSCodium", "vscodium://file{path}:{line}:{column}", "codium vscodium"),
    ("cursor", "Cursor", "cursor://file{path}:{line}:{column}", "cursor"),
    ("windsurf", "Windsurf", "windsurf://file{path}:{line}:{column}", "windsurf"),
    ("zed", "Zed", "zed://file{path}:{line}:{column}", "zed zeditor"),
    ("idea", "IntelliJ IDEA", "idea://open?file={path}&line={line}&column={column}", "idea"),
    ("pycharm", "PyCharm", "pycharm://open?file={path}&line={line}&column={column}", "pycharm charm"),
    ("webstorm", "WebStorm", "webstorm://open?file={path}&line={line}&column={column}", "webstorm"),
    ("textmate", "TextMate", "txmt://open?url=file://{path}&line={line}&column={column}", "mate"),
    ("sublime", "Sublime Text", "subl://open?url=file://{path}&line={line}&column={column}", ""),
    ("emacs", "Emacs", "emacs://open?url=file://{path}&line={line}&column={column}", ""),
)
PRESETS: Mapping[str, Editor] = {key: Editor(name, pattern) for key, name, pattern, _ in _KNOWN}
_COMMANDS = {command: key for key, _, _, commands in _KNOWN for command in commands.split()}


def editor_for(setting: str) -> Editor | None:
    """Return the editor of a name or a pattern; None if it is empty. Raises SettingsInvalid if it opens nothing."""
    if not setting or setting in PRESETS:
        return PRESETS.get(setting)
    # A click opens a program. The excluded schemes run their contents (HTML Standard 7.4.2.3.2, RFC 2397).
    if "{path}" not in setting or split_address(setting).scheme in ("", "javascript", "data"):
        says = f"{setting!r} must be one of {', '.join(PRESETS)}, or a pattern such as vscode://file{{path}}:{{line}}"
        raise SettingsInvalid([Fault("editor", says)])
    return Editor("the editor", setting)


def editor_started_by(environ: Mapping[str, str]) -> str:
    """Return the name of the editor in $VISUAL or $EDITOR; empty if it has no links."""
    return next(filter(None, (_editor_of_command(environ.get(name, "")) for name in ("VISUAL", "EDITOR"))), "")


def _editor_of_command(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:  # an unclosed quotation
        return ""
    return _COMMANDS.get(Path(words[0]).name, "") if words else ""
