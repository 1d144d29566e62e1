"""The parts of this installation: its extras, and the folders at the top of a checkout and inside a
wheel.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from keyturn.errors import ExtraMissing, Fault, SettingsInvalid

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent
STUDIO_PACKAGES = (
    "aiosmtpd", "cachetools", "dulwich", "polyfactory", "pygments", "tinycss2", "tomlkit",
    "trustme", "watchfiles", "webencodings",
)  # fmt: skip
"""The packages of the extra `studio` in pyproject.toml. Each has one module, with its name.

They are written here again, since reading the metadata of an installation takes 20 ms.
"""


def folder(name: str) -> Path:
    """Return the folder `name`: the checkout's if this file lies in a checkout, else the wheel's.

    An editable install also copies a snapshot of the folders next to the package, which goes stale.
    So the search starts from this file, and a checkout (a `pyproject.toml` above `src/`) wins.
    """
    in_checkout = _CHECKOUT / name
    is_checkout = _PACKAGE.parent.name == "src" and (_CHECKOUT / "pyproject.toml").is_file()
    if is_checkout and in_checkout.is_dir():
        return in_checkout
    return _PACKAGE / name


@contextmanager
def requires_extra(extra: str, what: str, setting: str = "") -> Iterator[None]:
    """Say how to install what `what` imports here.

    Raises ExtraMissing, or SettingsInvalid if `setting` asks for it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        is_our_module = (error.name or "").partition(".")[0] == __package__
        if is_our_module:
            raise
        sentence = f"{what} needs: pip install 'keyturn[{extra}]'"
        if setting:
            raise SettingsInvalid([Fault(setting, sentence)]) from None
        raise ExtraMissing(sentence) from None


def require_studio(what: str) -> None:
    """Raise ExtraMissing if a package of the extra `studio` is missing.

    Loads none of them, to save time.
    """
    with requires_extra("studio", what):
        for package in STUDIO_PACKAGES:
            if find_spec(package) is None:
                raise ModuleNotFoundError(name=package)
