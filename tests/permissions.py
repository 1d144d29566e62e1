"""Being a user to whom the permissions of files apply."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

STRANGER = 65534


@contextmanager
def as_stranger() -> Iterator[int]:
    """Take root's rights away from the process, where it has them: they see through every
    permission.
    """
    before = os.geteuid()
    if before == 0:
        os.seteuid(STRANGER)
    try:
        yield os.geteuid()
    finally:
        os.seteuid(before)
