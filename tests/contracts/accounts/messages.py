"""What Keyturn logs about account stores."""

import pytest


def own_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what Keyturn logged: libraries log more or less, depending on the levels that earlier tests set."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("keyturn")]
