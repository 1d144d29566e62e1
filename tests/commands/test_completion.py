"""The Tab key in a shell: the documented lines, and what they complete."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
LINES = re.findall(r"(?m)^(.*_KEYTURN_COMPLETE=(\w+)_source keyturn.*?) +#", PAGE)


def run(*words: str, **environment: str) -> str:
    found = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **environment}
    return subprocess.run(words, env=found, capture_output=True, text=True, check=True, timeout=60).stdout


def completed(typed: str) -> list[str]:
    """Return what the documented line of Bash completes at the end of a line."""
    (line,) = [line for line, shell in LINES if shell == "bash"]
    words = typed.split(" ")
    at_the_end = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _keyturn_completion keyturn"
    return run("bash", "--norc", "-c", f'{line}; {at_the_end}; printf "%s\\n" "${{COMPREPLY[@]}}"').split()


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("keyturn outbox l", ["list"]),
        ("keyturn studio --smt", ["--smtp", "--smtps"]),
        ("keyturn nothing-like-it", []),
    ],
)
def test_bash_completes_commands_and_options(typed: str, found: list[str]) -> None:
    assert completed(typed) == found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_documented_shell_gets_a_script(shell: str) -> None:
    assert [named for _, named in LINES] == ["bash", "zsh", "fish"]
    assert "_keyturn_completion" in run("keyturn", _KEYTURN_COMPLETE=f"{shell}_source")
