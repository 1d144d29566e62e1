"""Git, asked about the repository that a folder lies in. Nothing that the repository's settings name is run for it."""

import os
import subprocess
from pathlib import Path

from keyturn.errors import KeyturnError

_LONGEST = 60.0
"""Seconds that git may take."""

# The folder may be somebody else's: its settings may name a program that watches files, or one that pages.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-pager")


class GitFailed(KeyturnError):
    """Git cannot answer. The message is what comes behind "git": a clause for a person."""


class GitMissing(GitFailed):
    """There is no git."""


def ask_git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Return what git writes. What comes from people has to be behind `--end-of-options`. Raises GitFailed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_NO_LAZY_FETCH"] = "1"  # what a partial clone lacks, a program would be asked for
    try:
        done = subprocess.run(  # noqa: S603 - git alone
            [*_GIT, *arguments],
            cwd=folder, env=environment, input=given, capture_output=True, timeout=_LONGEST, check=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise GitMissing("there is no git here") from None
    except subprocess.TimeoutExpired:
        raise GitFailed(f"it has not answered within {_LONGEST:g} seconds") from None
    except subprocess.CalledProcessError as error:
        raise GitFailed(os.fsdecode(error.stderr).strip().partition("\n")[0] or "it knows nothing of that") from None
    return done.stdout


def commit_of(folder: Path, revision: str) -> str:
    """Return the commit that a branch, a tag or a part of a hash names. Raises GitFailed."""
    verify = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    try:
        return ask_git(folder, *verify).decode().strip()
    except GitFailed as error:
        raise GitFailed(f"there is no commit or branch {revision}") from error
