"""Git as the people of a repository run it."""

from pathlib import Path

from tests.servers.processes import output_of

_AS_ADA = ("-c", "user.name=Ada", "-c", "user.email=ada@example.test", "-c", "commit.gpgsign=false")


def git(*arguments: str, place: Path | None = None) -> None:
    output_of(["git", *_AS_ADA, "-c", "protocol.file.allow=always", *arguments], place)
