"""Mails at rest."""

import pytest

from keyturn.service.outbox.message import Seal, SealBroken

OLD, NEW = "an old secret key of some length", "a new secret key of some length!"
MAIL = b"https://account.example.org/reset-password/token " * 50


def test_a_sealed_mail_shows_nothing_of_itself_and_is_small() -> None:
    sealed = Seal([NEW]).close(MAIL)

    assert b"account.example.org" not in sealed
    assert len(sealed) < len(MAIL) / 4


def test_the_same_mail_is_never_sealed_the_same() -> None:
    assert Seal([NEW]).close(MAIL) != Seal([NEW]).close(MAIL)


def test_after_a_rotation_old_seals_open_and_new_ones_need_the_new_key() -> None:
    rotated = Seal([NEW, OLD])

    assert rotated.open(Seal([OLD]).close(MAIL)) == MAIL
    assert Seal([NEW]).open(rotated.close(MAIL)) == MAIL
    with pytest.raises(SealBroken):
        Seal([OLD]).open(rotated.close(MAIL))


@pytest.mark.parametrize("place", [0, 10, 40, -1])
def test_a_seal_that_was_tampered_with_stays_shut(place: int) -> None:
    sealed = bytearray(Seal([NEW]).close(MAIL))
    sealed[place] ^= 1

    with pytest.raises(SealBroken):
        Seal([NEW]).open(bytes(sealed))


@pytest.mark.parametrize("nonsense", [b"", b"plain", b"\xff" * 100], ids=len)
def test_what_was_never_sealed_does_not_open(nonsense: bytes) -> None:
    with pytest.raises(SealBroken):
        Seal([NEW]).open(nonsense)
