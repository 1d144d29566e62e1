"""What Keyturn logs about account stores."""

import pytest


def own_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what Keyturn logged: the libraries say more or less, as whoever ran before left their levels."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("keyturn")]
