"""What the user says about the application under test, and the file that keeps it."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from keyturn.plain_files import read_plain_text
from keyturn.probe.attack import CannotProbe
from keyturn.values import explain_mismatch

_LONGEST = 100_000  # characters of the file
_CALLS = ("request", "reset", "sign_in", "change", "private")


class Patience(Struct, frozen=True, kw_only=True):
    """How long the probe waits, in seconds, and how often it asks.

    `mail`: until the first mail of a kind must have come.
    `silence`: until a mail that should not come counts as not sent. A slow application gets more.
    `call`: for one request and its answer.
    `samples`: pairs of requests that `times-differ` measures, twice if it suspects a difference; 0
    leaves it out.
    `flood`: requests of `no-limit`.
    """

    mail: float = 10.0
    silence: float = 2.0
    call: float = 15.0
    samples: int = 10
    flood: int = 20


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The application under test, as the options and the file name it.

    Empty calls are searched for.

    `smtp`: the port on which the probe receives the application's mails.
    `accounts`: one address or two, of accounts that only tests use.
    `request`, `reset`, `sign_in`, `change`: "POST /path BODY" with placeholders, or the path of a
    page with the form.
    `private`: "GET /path", which a signed-in user alone can read.
    `second_step`: the first account has a second factor.
    `permission`: what another host than this machine publishes.
    """

    url: str = ""
    smtp: Annotated[int, Meta(ge=1, le=65535)] | None = None
    accounts: Sequence[str] = ()
    request: str = ""
    reset: str = ""
    sign_in: str = ""
    change: str = ""
    private: str = ""
    second_step: bool = False
    permission: str = ""

    @property
    def calls(self) -> dict[str, str]:
        """The calls that are named, by their fields."""
        fields = msgspec.structs.asdict(self)
        return {name: fields[name] for name in _CALLS if fields[name]}


def with_file(options: dict[str, Any], file: Path | None) -> Target:
    """Return the target. Options that are set come before those of the file. Raises CannotProbe."""
    try:
        written = _written(file) if file else {}
        named = {name: value for name, value in options.items() if value not in (None, ())}
        return msgspec.convert({**written, **named}, Target)
    except msgspec.ValidationError as error:
        name, sentence = explain_mismatch(str(error))
        raise CannotProbe(f"{file}: {name}: {sentence}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CannotProbe(f"{file}: {error}") from None


def _written(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    return tomllib.loads(read_plain_text(file, _LONGEST))


def add_to_file(file: Path, target: Target) -> None:
    """Write what the file does not have yet behind what it has; a new one is for its owner alone
    (0600).
    """
    known = _written(file)
    lines = []
    for name, value in msgspec.to_builtins(target).items():
        if value and name not in known:
            # Texts and lists of JSON are TOML as well.
            lines.append(f"{name} = {msgspec.json.encode(value).decode()}\n")
    if lines:
        file.touch(0o600)
        with file.open("a", encoding="utf-8") as opened:
            opened.writelines(["\n", *lines])
