"""Mails at rest."""

import pytest

from keyturn.service.outbox.message import Seal, SealBroken

OLD, NEW = "an old secret key of some length", "a new secret key of some length!"
MAIL = b"https://account.example.org/reset-password/token " * 50


def test_a_sealed_mail_is_small_and_never_the_same_and_needs_its_key() -> None:
    sealed = Seal([NEW, OLD]).close(MAIL)

    assert len(sealed) < len(MAIL) / 4
    assert Seal([NEW]).close(MAIL) != sealed
    assert Seal([NEW]).open(sealed) == MAIL
    with pytest.raises(SealBroken):
        Seal([OLD]).open(sealed)


SEALED = Seal([NEW]).close(MAIL)
TAMPERED = [SEALED[:place] + bytes([SEALED[place] ^ 1]) + SEALED[place + 1 :] for place in (0, 10, 40, len(SEALED) - 1)]


@pytest.mark.parametrize("sealed", [*TAMPERED, b"", b"plain", b"\xff" * 100], ids=len)
def test_what_was_changed_or_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        Seal([NEW]).open(sealed)
