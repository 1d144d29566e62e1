"""What Keyturn logs about account stores, and a password for those that hash it themselves."""

import pytest

from keyturn.service.accounts.port import NewPassword


def own_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what Keyturn logged: libraries log more or less, depending on the levels that earlier
    tests set.
    """
    return [record.getMessage() for record in caplog.records if record.name.startswith("keyturn")]


def new_password(text: str = "eight loud harbours") -> NewPassword:
    async def refuse(text: str) -> str:
        raise AssertionError(f"{len(text)} characters were hashed for nothing")

    return NewPassword(text, refuse)
