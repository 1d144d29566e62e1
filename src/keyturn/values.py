"""String types with a meaning: secrets, folders, files or URLs."""


class Secret(str):
    """A string that hides its value in a repr, a log and a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')" if self else "Secret('')"


class Folder(str):
    """The path of a folder, or of a file in one.

    In keyturn.toml it is relative to that file, in an environment variable to the working directory.
    """

    __slots__ = ()


class FileOrUrl(str):
    """The path of a file, relative like a Folder, or a URL with its scheme."""

    __slots__ = ()

    @property
    def is_url(self) -> bool:
        return "://" in self
