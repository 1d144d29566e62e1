"""What settings are read from: a file in TOML, environment variables, and files with their values.

The service and the studio read their settings with this.
"""

import errno
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyturn.errors import SettingsInvalid
from keyturn.plain_files import printable_name, read_plain_file, read_plain_text

_LARGEST_TOML = 1_000_000


def read_toml(file: Path) -> dict[str, Any] | None:
    """Return the content of a settings file; None if there is no such file.

    Raises SettingsInvalid if it cannot be read, and NotADirectoryError if a folder of its path is a
    file.
    """
    try:
        return tomllib.loads(read_plain_text(file, _LARGEST_TOML, encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise
    # ValueError: of TOML, of UTF-8, or of a number with thousands of digits.
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "") or str(error)
        reason = f"cannot be read: {why.partition('; use sys.')[0]}"
    except RecursionError:
        reason = "cannot be read: tables are nested too deeply"
    raise SettingsInvalid.of(str(file), reason)


# Environment variables, and files with their values: `NAME_FILE`, and systemd's credentials

FILE_SUFFIX = "_FILE"
CREDENTIALS = "CREDENTIALS_DIRECTORY"
_LARGEST_SECRET = 65_536
_AT_ENDS = "\r\n\ufeff"  # line breaks and a byte order mark, which editors and shells add


class SecretUnread(ValueError):
    """The file of a secret cannot be used. The text says why.

    `label`: the variable that names the file.
    """

    def __init__(self, label: str, reason: str) -> None:
        self.label = label
        super().__init__(reason)


class Variables:
    """The environment, and files that hold the values of variables.

    The value of NAME comes from the file that NAME_FILE names, else from the variable, else from
    the file NAME in the folder $CREDENTIALS_DIRECTORY (systemd.exec(5)). It is a fault if NAME and
    NAME_FILE are both set. An empty variable counts as not set if a file has the value.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._contents: dict[str, str] = {}

    def get(self, name: str) -> str:
        """Return the value; "" if it is not set.

        Raises SecretUnread if there is a file that cannot be used.
        """
        file = self.file_of(name)
        if not file:
            return self._environ.get(name, "").strip(_AT_ENDS)
        if name not in self._contents:
            if self._environ.get(name):
                raise SecretUnread(self.label(name), f"{name} is set, too: unset one of the two")
            self._contents[name] = _content(self.label(name), file)
        return self._contents[name]

    def __contains__(self, name: str) -> bool:
        return name in self._environ

    def has(self, name: str) -> bool:
        """Tell whether there is a value, or a file for it. The file is not read."""
        return bool(self._environ.get(name) or self.file_of(name))

    def file_of(self, name: str) -> str:
        """Return the path of the file that holds the value; "" if there is none."""
        if not name.isidentifier():
            return ""
        named = self._environ.get(f"{name}{FILE_SUFFIX}")
        if named:
            return named
        folder = self._environ.get(CREDENTIALS)
        if not folder or self._environ.get(name):
            return ""
        file = os.path.join(folder, name)  # noqa: PTH118 - in every start, for every secret
        return file if os.path.lexists(file) else ""

    def label(self, name: str) -> str:
        """Return the name under which the operator gave the value: NAME_FILE, or NAME."""
        of_file = f"{name}{FILE_SUFFIX}"
        if self._environ.get(of_file) and self.file_of(name):
            return of_file
        return name


def _content(label: str, file: str) -> str:
    """Return the secret in a file, without line breaks and a byte order mark at its ends.

    `label`: the variable that names the file, for the error. Raises SecretUnread if the file is
    missing, larger than `_LARGEST_SECRET` bytes, no UTF-8, empty, or cannot be read.
    """
    try:
        text = read_plain_file(file, _LARGEST_SECRET).decode().strip(_AT_ENDS)
    except FileNotFoundError:
        why = "does not exist"
    except OSError as error:
        if error.errno == errno.EFBIG:
            why = f"has more than {_LARGEST_SECRET // 1024} KiB, the most that is read for a secret"
        else:
            why = f"cannot be read: {error.strerror or error}"
    except UnicodeDecodeError:
        why = "is not UTF-8: a secret is text"
    except ValueError:
        why = "has a NUL in its name"
    else:
        if text.strip():
            return text
        why = "is empty: write the secret into it"
    raise SecretUnread(label, f"{printable_name(file)} {why}")
