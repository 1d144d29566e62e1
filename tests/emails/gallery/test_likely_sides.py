"""A guess takes the side of a switch that the mail is about."""

from pathlib import Path

import pytest

from keyturn.studio.gallery.opening import open_gallery

STATUS = "{% if booking.status == 'cancelled' %}x{% elif booking.status == 'confirmed' %}y{% else %}z{% endif %}"


@pytest.mark.parametrize(
    ("mail", "status"),
    [("booking_confirmation", "confirmed"), ("booking_cancellation", "cancelled"), ("booking_update", "confirmed")],
)
def test_a_confirmation_is_confirmed_and_a_cancellation_cancelled(tmp_path: Path, mail: str, status: str) -> None:
    (tmp_path / f"{mail}.html").write_text(f"<p>{STATUS}</p>", "utf-8")
    (sample,) = open_gallery(tmp_path).samples(mail).values()
    assert sample.values == {"booking": {"status": status}}


def test_what_went_wrong_is_no_where_the_mail_is_not_about_it(tmp_path: Path) -> None:
    asked = "<p>{% if is_cancelled %}x{% endif %}{% if payment_failed %}x{% endif %}{% if is_member %}x{% endif %}</p>"
    (tmp_path / "receipt.html").write_text(asked, "utf-8")
    (tmp_path / "payment_failure.html").write_text(asked, "utf-8")
    gallery = open_gallery(tmp_path)
    (receipt,), (failure,) = gallery.samples("receipt").values(), gallery.samples("payment_failure").values()
    assert receipt.values == {"is_cancelled": False, "payment_failed": False, "is_member": True}
    assert failure.values == {"is_cancelled": False, "payment_failed": True, "is_member": True}
