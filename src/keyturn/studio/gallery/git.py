"""Reads the git repository of a folder without obeying its configuration.

A repository can make git run programs. Its configuration names hooks, filters, textconv and diff programs, checkers of
signatures, a file watcher, a pager and remotes; includes add more. The folder may be an unpacked archive of unknown
origin, so git never sees the repository's own directory. `open_repository` makes a temporary git directory instead:

* Its configuration is written here. Of the repository's, only the settings in `_HARMLESS` are copied, each one word.
* It has no hooks, remotes, attributes, grafts, and no configuration of worktrees and submodules. `.gitattributes` in
  the tree may name drivers, but none is defined.
* Objects and refs are the repository's. HEAD, the index and the list of shallow commits are copied.

The configuration of the system is ignored, and that of the user apart from `_OF_THE_USER`. Git uses no replacement
objects, contacts no remotes, and writes nothing into the repository. It is stopped when it takes too long or writes too
much.

A `.git` file, `commondir` and alternates may lead to another repository, as those of a worktree do. No program of that
repository runs either, and its commits are shown with their own files alone.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from keyturn.errors import KeyturnError
from keyturn.plain_files import read_plain_file

_LONGEST = 60.0
"""Seconds that git may take."""

_MOST = 96 * 1024**2
"""Bytes that git may write."""

_PIECE = 64 * 1024

_LARGEST_POINTER = 4096
_LARGEST_INDEX = 512 * 1024**2

_HARMLESS = (
    "core.filemode",
    "core.ignorecase",
    "core.symlinks",
    "core.precomposeunicode",
    "core.trustctime",
    "core.checkstat",
    "core.autocrlf",
    "core.eol",
    "extensions.objectformat",
    "extensions.refstorage",
)
"""Settings on the storage of files and objects. None names a program, a file or a host."""

_OF_THE_USER = ("core.autocrlf", "core.eol", "core.excludesfile")
_NONE_SET = 1
"""The exit code of `git config` for unset names."""

_WORD = re.compile(r"[A-Za-z0-9]{1,20}")


class GitFailed(KeyturnError):
    """Git cannot answer. The message continues a sentence after "git"."""


class GitMissing(GitFailed):
    """There is no git."""


class Repository(Struct, frozen=True):
    """Answers questions about a repository, while `open_repository` lasts. `top` is its working tree, resolved."""

    top: Path
    _program: str
    _environment: Mapping[str, str]

    def ask(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run git at `top`, paths literal. Arguments from users must follow `--end-of-options`. Raises GitFailed."""
        command = (self._program, "--no-pager", "--literal-pathspecs", *arguments)
        return _run(command, self._environment, self.top, given=given)

    def commit(self, revision: str) -> str:
        """Return the commit that a branch, a tag or a part of a hash names. Raises GitFailed."""
        try:
            verify = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
            return self.ask(*verify).decode().strip()
        except GitFailed as error:
            raise GitFailed(f"there is no commit or branch {revision}") from error


class _Places(NamedTuple):
    """The folders of a repository: its working tree, the git directory of that, and the shared git directory."""

    top: Path
    own: Path
    common: Path


@contextmanager
def open_repository(folder: Path, *, compares_files: bool = False) -> Iterator[Repository]:
    """Open the repository of a folder; `compares_files`: to compare its working tree, too. Raises GitFailed."""
    program, places = _program(), _places_of(folder)
    with tempfile.TemporaryDirectory(prefix="keyturn-git-", ignore_cleanup_errors=True) as made:
        environment = _environment(Path(made), places)
        try:
            _fill(Path(made), places, with_index=compares_files)
        except OSError as error:
            raise GitFailed(f"the repository cannot be read: {error.strerror}: {error.filename}") from None
        settings = _settings(program, environment, places, with_users=compares_files)
        (Path(made) / "config").write_text(settings, "utf-8")
        yield Repository(places.top, program, environment)


def _program() -> str:
    """Return the path of git, never one in the working directory."""
    places = [place for place in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(place).is_absolute()]
    found = shutil.which("git", path=os.pathsep.join(places)) if places else None
    if found is None or not any(Path(found).parent == Path(place) for place in places):  # on Windows: the current one
        raise GitMissing("git is not installed")
    return found


def _places_of(folder: Path) -> _Places:
    """Find the nearest repository, as git does, but no bare ones."""
    here = folder.resolve()
    for top in (here, *here.parents):
        own = _followed(top / ".git", "gitdir: ") if (top / ".git").is_file() else top / ".git"
        common = _followed(own / "commondir") if (own / "commondir").is_file() else own
        if (own / "HEAD").exists() and (common / "objects").is_dir() and (common / "refs").is_dir():
            return _Places(top, own.resolve(), common.resolve())
        if (top / ".git").is_file():
            raise GitFailed(f"{top / '.git'} does not point to a repository")
    raise GitFailed("not a git repository (or any of the parent directories): .git")


def _followed(pointer: Path, prefix: str = "") -> Path:
    """Return the target of a file that holds a path relative to its folder."""
    try:
        text = os.fsdecode(read_plain_file(pointer, _LARGEST_POINTER)).rstrip("\r\n")
    except OSError as error:
        raise GitFailed(f"{pointer} cannot be read: {error.strerror}") from None
    if not text.startswith(prefix) or "\0" in text:
        raise GitFailed(f"{pointer} does not point to a repository")
    return pointer.parent / text.removeprefix(prefix)


def _environment(made: Path, places: _Places) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "LC_ALL": "C",
        "GIT_DIR": str(made),
        "GIT_WORK_TREE": str(places.top),
        "GIT_OBJECT_DIRECTORY": str(places.common / "objects"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _fill(made: Path, places: _Places, *, with_index: bool) -> None:
    (made / "info").mkdir()
    copied = {"HEAD": places.own, "shallow": places.common}
    if with_index:
        indexes = ("index", *(file.name for file in places.own.glob("sharedindex.*")))
        copied |= {"info/exclude": places.common, **dict.fromkeys(indexes, places.own)}
    for name, folder in copied.items():
        with suppress(FileNotFoundError):
            found = (folder / name).stat()
            (made / name).write_bytes(read_plain_file(folder / name, _LARGEST_INDEX))
            os.utime(
                made / name, ns=(found.st_atime_ns, found.st_mtime_ns)
            )  # git compares files that are newer than the index
    for name in ("refs", "packed-refs", "reftable"):
        if (places.common / name).exists():
            _link(made / name, places.common / name)


def _link(made: Path, there: Path) -> None:
    try:
        made.symlink_to(there)
    except OSError:  # Windows rarely permits links
        (shutil.copytree if there.is_dir() else shutil.copyfile)(there, made)


def _settings(program: str, environment: Mapping[str, str], places: _Places, *, with_users: bool) -> str:
    allowed = {name: value for name, value in environment.items() if not name.startswith("GIT_CONFIG_")}
    users = _values(program, allowed, _OF_THE_USER) if with_users else {}
    excludes = users.pop("core.excludesfile", "")
    local = places.common / "config"
    own = _values(program, environment, _HARMLESS, "--file", str(local)) if local.is_file() else {}
    words = {name: value for name, value in (users | own).items() if _WORD.fullmatch(value)}
    lines = ["[core]", "repositoryFormatVersion = 1", "bare = false", "quotePath = false", "fsmonitor = false"]
    lines += [f"hooksPath = {os.devnull}", f"attributesFile = {os.devnull}"]
    if excludes:
        quoted = excludes.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'excludesFile = "{quoted}"')
    for name, value in words.items():
        section, _, key = name.partition(".")
        lines += [f"[{section}]", f"{key} = {value}"]
    return "\n".join([*lines, ""])


def _values(program: str, environment: Mapping[str, str], names: tuple[str, ...], *where: str) -> dict[str, str]:
    """Return settings by name, the last value of each. With --file, git follows no includes (git-config(1))."""
    asked = (program, "config", *where, "-z", "--get-regexp", f"^({'|'.join(map(re.escape, names))})$")
    listed = os.fsdecode(_run(asked, environment, Path(environment["GIT_DIR"]), fine=(0, _NONE_SET)))
    entries = (entry.partition("\n") for entry in listed.split("\0") if entry)
    return {name: value if given else "true" for name, given, value in entries}


def _run(
    command: tuple[str, ...],
    environment: Mapping[str, str],
    place: Path,
    *,
    given: bytes = b"",
    fine: tuple[int, ...] = (0,),
) -> bytes:
    with tempfile.TemporaryFile() as asked:
        asked.write(given)
        asked.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 - git alone
                command,
                cwd=place,
                env=environment,
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise GitFailed(f"git cannot be started: {error.strerror}") from None
    with process:
        return _output(process, fine)


def _output(process: "subprocess.Popen[bytes]", fine: tuple[int, ...]) -> bytes:
    """Return the output of a process. Stops it and raises GitFailed when it takes too long or writes too much."""
    assert isinstance(process.stdout, BufferedReader)  # both are pipes
    assert isinstance(process.stderr, BufferedReader)
    late, complaint = threading.Event(), bytearray()

    def end_late() -> None:
        late.set()
        _end(process)

    alarm = threading.Timer(_LONGEST, end_late)
    listener = threading.Thread(target=_listen, args=(process.stderr, complaint), daemon=True)
    alarm.start()
    listener.start()
    try:
        written = bytearray()
        while len(written) <= _MOST and (more := process.stdout.read1(_PIECE)):
            written += more
        if len(written) > _MOST:
            raise GitFailed(f"the answer is larger than {_MOST // 1024**2} MB")
        process.wait()
    finally:
        alarm.cancel()
        _end(process)
        listener.join()
    if late.is_set():
        raise GitFailed(f"no answer within {_LONGEST:g} seconds")
    if process.returncode not in fine:
        raise GitFailed(os.fsdecode(bytes(complaint)).strip().partition("\n")[0] or "git failed without a message")
    return bytes(written)


def _listen(said: BufferedReader, complaint: bytearray) -> None:
    while more := said.read1(_PIECE):
        complaint += more[: _PIECE - len(complaint)]


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
