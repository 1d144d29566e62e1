"""The repository of a folder that someone else made: git answers about it, and runs nothing that it
names.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.commands.command import Keyturn
from tests.commands.mails.repositories import git
from tests.studio.folders import written

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.changed_mails import changed_mails

pytestmark = pytest.mark.long

MAIL = "<!doctype html><title>News</title><p>{}</p>\n"


class Repository:
    """Holds a repository with two commits of a folder of mails, and a program that must not run."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.ran = place.parent / "ran"
        self.program = place / "program"

    def git(self, *arguments: str) -> None:
        git(*arguments, place=self.place)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def write(self, name: str, text: str) -> None:
        written(self.place, {name: text})


@pytest.fixture
def repository(tmp_path: Path, request: pytest.FixtureRequest) -> Repository:
    made = Repository(tmp_path / "project")
    for name in ("emails/news.html", "emails/boats.html"):
        made.write(name, MAIL.format(f"Then {name}"))
    made.git(
        "init",
        "--quiet",
        "--initial-branch",
        "main",
        "--object-format",
        getattr(request, "param", "sha1"),
    )
    made.commit("Then")
    made.write("emails/news.html", MAIL.format("Now"))
    made.commit("Now")
    made.program.write_text(f"#!/bin/sh\ntouch '{made.ran}'\ncat\n", "utf-8")
    made.program.chmod(0o755)
    (made.place / ".git" / "info" / "exclude").write_text("/program\n")
    made.write("emails/boats.html", MAIL.format("Soon"))
    return made


def checked_mails(keyturn: Keyturn, folder: Path, base: str = "HEAD~1") -> str:
    told = keyturn("check", str(folder), "--only-changed", "--base", base, "--no-cache")
    return told.out + told.err


def settings(repository: Repository) -> None:
    """Name a program in the ways that dulwich knows as git does: filters, an external diff, hooks,
    included files.
    """
    program = str(repository.program)
    for name in ("core.fsmonitor", "core.sshCommand", "diff.external", "diff.evil.textconv"):
        repository.git("config", name, program)
    for name in ("clean", "smudge", "process"):
        repository.git("config", f"filter.evil.{name}", program)
    for name, value in (("attributesFile", "attributes"), ("hooksPath", "hooks")):
        repository.git("config", f"core.{name}", value)
    repository.git("config", "include.path", "../more")
    repository.write("more", f"[core]\n\tfsmonitor = {program}\n")
    for name in (".gitattributes", ".git/info/attributes", "attributes"):
        repository.write(name, "*.html filter=evil diff=evil\n")
    for folder in (".git/hooks", "hooks"):
        for name in (
            "post-index-change",
            "post-checkout",
            "reference-transaction",
            "fsmonitor-watchman",
        ):
            repository.write(f"{folder}/{name}", repository.program.read_text("utf-8"))
            (repository.place / folder / name).chmod(0o755)


def of_a_submodule(repository: Repository) -> None:
    other = repository.place.parent / "other"
    git("clone", "--quiet", str(repository.place), str(other))
    repository.git("submodule", "--quiet", "add", str(other), "emails/parts")
    repository.git("commit", "--quiet", "--message", "Parts", "emails/parts", ".gitmodules")
    repository.git("-C", "emails/parts", "config", "core.fsmonitor", str(repository.program))
    repository.write("emails/parts/emails/news.html", MAIL.format("Otherwise"))


def of_a_folder_that_looks_bare(repository: Repository) -> None:
    repository.git("clone", "--quiet", "--bare", ".", "bare")
    for file in (repository.place / "bare").iterdir():
        file.rename(repository.place / "emails" / file.name)
    for name, value in (
        ("bare", "false"),
        ("worktree", ".."),
        ("fsmonitor", str(repository.program)),
    ):
        repository.git("--git-dir", "emails", "config", f"core.{name}", value)


@pytest.mark.parametrize("arrange", [settings, of_a_submodule, of_a_folder_that_looks_bare])
def test_a_check_of_what_has_changed_runs_nothing_that_a_repository_names(
    keyturn: Keyturn, repository: Repository, arrange: Callable[[Repository], None]
) -> None:
    arrange(repository)
    repository.ran.unlink(missing_ok=True)

    told = checked_mails(
        keyturn, repository.place / "emails", "main~2" if arrange is of_a_submodule else "HEAD~1"
    )

    assert not repository.ran.exists()
    assert "emails/news.html:" in told


def changed(folder: Path, base: str = "HEAD~1") -> set[str]:
    return changed_mails(open_gallery(folder, sandboxed=True), base, None)


def test_a_worktree_or_a_link_is_as_good_and_nothing_is_written(repository: Repository) -> None:
    repository.git("worktree", "add", "--quiet", "--detach", "../beside")
    repository.place = repository.place.parent / "beside"
    repository.write("emails/boats.html", MAIL.format("Soon"))
    (repository.place.parent / "linked").symlink_to(repository.place / "emails")
    kept = repository.place.parent / "project" / ".git"
    before = {file: file.lstat().st_mtime_ns for file in kept.rglob("*")}
    assert (
        changed(repository.place / "emails")
        == changed(repository.place.parent / "linked")
        == {"news", "boats"}
    )
    assert before == {file: file.lstat().st_mtime_ns for file in kept.rglob("*")}


@pytest.mark.parametrize("repository", ["sha1", "sha256"], indirect=True)
def test_untracked_files_count_unless_ignored_and_line_ends_that_git_converts_do_not(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text(f"[core]\n\texcludesFile = {tmp_path}/ignored\n", "utf-8")
    (tmp_path / "ignored").write_text("*.mine.html\n", "utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    repository.write(".gitignore", "*.local.html\n")
    repository.write(".git/info/exclude", "*.own.html\n")
    for name in ("new", "a.local", "b.own", "c.mine"):
        repository.write(f"emails/{name}.html", MAIL.format("New"))
    news = repository.place / "emails" / "news.html"
    news.write_bytes(news.read_bytes().replace(b"\n", b"\r\n"))

    assert changed(repository.place / "emails", "HEAD") == {"boats", "new"}


def test_a_pipe_in_a_repository_ends_in_a_sentence(
    repository: Repository, keyturn: Keyturn
) -> None:
    (repository.place / ".git" / "HEAD").unlink()
    os.mkfifo(repository.place / ".git" / "HEAD")

    assert "not a regular file" in checked_mails(keyturn, repository.place / "emails")
