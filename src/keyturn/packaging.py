"""Folders that stand at the top of the checkout, and inside the package once it is a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def folder(name: str) -> Path:
    """Return the folder `name`: the checkout's where this file lies in one, else the wheel's.

    An editable install also copies a snapshot of the folders next to the package, which goes stale; so the
    search starts from this file, and a checkout (a `pyproject.toml` above `src/`) wins.
    """
    in_checkout = _CHECKOUT / name
    if _PACKAGE.parent.name == "src" and (_CHECKOUT / "pyproject.toml").is_file() and in_checkout.is_dir():
        return in_checkout
    return _PACKAGE / name
