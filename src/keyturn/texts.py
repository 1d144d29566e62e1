"""Kinds of text that are more than their letters."""


class Secret(str):
    """A string that does not show itself in a repr, a log or a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')" if self else "Secret('')"


class Folder(str):
    """The path of a folder, or of a file in one.

    In keyturn.toml it is relative to that file, in a variable to the working directory.
    """

    __slots__ = ()


class FileOrUrl(str):
    """The path of a file, relative as a Folder is, or an address with its scheme."""

    __slots__ = ()

    @property
    def is_url(self) -> bool:
        return "://" in self
