"""Mails at rest."""

import pytest

from keyturn.service.outbox.message import Seal, SealBroken

MAIL = b"https://account.example.org/reset-password/token " * 50


@pytest.mark.parametrize("place", [0, 10, 40, -1])
def test_a_seal_that_was_tampered_with_stays_shut(place: int) -> None:
    seal = Seal(["a secret key of some length, please"])
    sealed = bytearray(seal.close(MAIL))
    sealed[place] ^= 1

    with pytest.raises(SealBroken):
        seal.open(bytes(sealed))
