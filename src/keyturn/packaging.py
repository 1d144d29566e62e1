"""What this installation came with: folders that stand at the top of a checkout and inside a wheel, and the extras."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from keyturn.errors import ExtraMissing, Fault, SettingsInvalid

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent
_OF_THE_STUDIO = ("aiosmtpd", "polyfactory", "pygments", "watchfiles", "yaml")


def folder(name: str) -> Path:
    """Return the folder `name`: the checkout's where this file lies in one, else the wheel's.

    An editable install also copies a snapshot of the folders next to the package, which goes stale; so the
    search starts from this file, and a checkout (a `pyproject.toml` above `src/`) wins.
    """
    in_checkout = _CHECKOUT / name
    if _PACKAGE.parent.name == "src" and (_CHECKOUT / "pyproject.toml").is_file() and in_checkout.is_dir():
        return in_checkout
    return _PACKAGE / name


@contextmanager
def requires_extra(extra: str, what: str, setting: str = "") -> Iterator[None]:
    """Say in one sentence how to get the packages that are imported in this block, where one of them is missing.

    `what` is what needs them. Raises SettingsInvalid by the `setting` that asks for it, else ExtraMissing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == __package__:
            raise  # a module of ours
        sentence = f"{what} needs: pip install 'keyturn[{extra}]'"
        raise (SettingsInvalid([Fault(setting, sentence)]) if setting else ExtraMissing(sentence)) from None


def require_studio(what: str) -> None:
    """Raise ExtraMissing where the extra `studio` is not whole; none of its packages is loaded, for they take time."""
    with requires_extra("studio", what):
        for package in _OF_THE_STUDIO:
            if find_spec(package) is None:
                raise ModuleNotFoundError(name=package)
