"""The token of a studio, kept for its folder, so that a restart breaks no open tab."""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from keyturn.plain_files import add_private_file, read_plain_file, user_cache_folder
from keyturn.studio.web.access import token_for

_LARGEST = 1_000  # bytes of the file


def token_file(folder: Path) -> Path:
    """Return where the token of a folder is kept: with the user, since a folder may come from a
    stranger.
    """
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:24]
    return user_cache_folder("studio") / name


def kept_token(file: Path) -> str:
    """Return the token in a file, or a new one, which is then kept there if the file can be
    written.
    """
    with suppress(OSError, ValueError):
        if _is_private(file):
            return token_for(read_plain_file(file, _LARGEST).decode("ascii"))
    token = token_for()
    with suppress(OSError):
        add_private_file(file, token.encode())
    return token


def _is_private(file: Path) -> bool:
    """Tell whether no other user can have read or written the file, as one that a stranger's
    repository brings.
    """
    status = file.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        return False
    if not hasattr(os, "getuid"):  # Windows, where the folder of a user is the user's alone
        return True
    is_own = status.st_uid == os.getuid()
    others_may = status.st_mode & 0o077
    return is_own and not others_may
