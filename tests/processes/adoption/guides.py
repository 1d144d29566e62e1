"""What a page of docs/guides tells its reader to type and to write, as steps to run."""

import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.servers.processes import output_of

DOCS = Path(__file__).parents[3] / "docs"
LITESTAR = ("plugin.md", "As a service beside your app")
COMMON = ("beside-your-app.md", "The first reset")
"""The page and section with the commands of all guides."""

IN_EVERY_TABLE = {"url", "id", "email"}
"""Settings that a guide leaves out."""

SUPABASE = "https://abcdefgh.supabase.co"
"""Where the guide says that the reader's project at Supabase is."""
_PLACES = re.compile(r"--base-url (\S+) --sign-in-url (http://[^/\s]+)")
"""Where a guide says that Keyturn and the reader's app are."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|//|<\?php //) ([\w./-]+\.\w+)\n")
_NOT_TYPED = ("pip install ", "python3 -m venv ", "keyturn serve")


def block(page: str, language: str, beginning: str) -> str:
    """Return the one block of a page in that language that begins so."""
    blocks: list[tuple[str, str]] = _BLOCK.findall((DOCS / page).read_text("utf-8"))
    (found,) = (code for kind, code in blocks if kind == language and code.startswith(beginning))
    return found


def section(page: str, title: str) -> str:
    text = (DOCS / page).read_text("utf-8").partition(f"\n## {title}\n")[2]
    return re.split(r"(?m)^## ", text)[0]


class Guide:
    """One guide, with the reader's addresses in the place of those that it names for an example."""

    def __init__(self, name: str, *, keyturn: str = "", app: str = "", supabase: str = SUPABASE) -> None:
        text = section(*LITESTAR) if name == "litestar" else (DOCS / "guides" / f"{name}.md").read_text("utf-8")
        places = _PLACES.search(text)
        assert places, f"{name}.md does not say where Keyturn and the app are"
        self.keyturn, self.app = places[1], places[2]
        own = {self.keyturn: keyturn or self.keyturn, self.app: app or self.app, SUPABASE: supabase}
        text = re.sub(rf"({'|'.join(map(re.escape, own))})(?!\d)", lambda found: own[found[1]], text)
        self._blocks: list[tuple[str, str]] = _BLOCK.findall(text)

    @property
    def files(self) -> dict[str, str]:
        """The files that the reader writes: blocks that begin with a remark that is a name alone."""
        found = ((_FILE.match(code), code) for _, code in self._blocks)
        return {file[1]: code for file, code in found if file}

    @property
    def written(self) -> dict[str, Any]:
        """What the page says that `keyturn init` writes: the first block of settings."""
        return tomllib.loads(next(code for language, code in self._blocks if language == "toml"))

    def assert_written(self, file: Path) -> None:
        """Hold the settings in a file against the sections that the page shows; only [accounts] may have more."""
        found, shown = tomllib.loads(file.read_text("utf-8")), self.written
        table, columns = found["accounts"].get("table", {}), shown["accounts"].get("table", {})
        for name in IN_EVERY_TABLE - set(columns):
            table.pop(name, None)
        assert {name: found[name] for name in shown} == shown | {"accounts": found["accounts"] | shown["accounts"]}

    def follow(self, folder: Path, environment: dict[str, str]) -> dict[str, str]:
        """Type all commands but those that install or serve; return the environment as it is then."""
        lines = [line for line in self._lines() if not line.startswith(_NOT_TYPED)]
        commands = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        script = "\n".join([*lines, "env -0 > environment"])
        output_of(["sh", "-euc", script], folder, **environment | {"PATH": commands})
        after = (folder / "environment").read_text("utf-8")
        return dict(entry.split("=", 1) for entry in after.split("\0") if entry)

    def _lines(self) -> list[str]:
        common: list[tuple[str, str]] = _BLOCK.findall(section(*COMMON))
        blocks = [code.replace("\\\n", " ") for language, code in self._blocks + common if language == "sh"]
        return [line for code in blocks for line in code.splitlines()]
