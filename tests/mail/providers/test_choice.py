"""Which transport the settings ask for."""

from pathlib import Path

import pytest

from keyturn.mail.providers import PROVIDERS
from keyturn.mail.providers.resend import ResendSettings
from keyturn.mail.providers.smtp import SmtpSettings
from keyturn.service.sending.senders import sender_for
from keyturn.service.settings import MailSettings, Secret, Settings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("transport", [*PROVIDERS, "capture"])
async def test_each_transport_has_its_sender(transport: str, tmp_path: Path) -> None:
    settings = Settings(
        mail=MailSettings(capture_dir=str(tmp_path)),
        resend=ResendSettings(api_key=Secret("re_test")),
        smtp=SmtpSettings(host="mx.test"),
    )
    sender = sender_for(transport, settings)

    assert sender.name == transport
    await sender.close()
