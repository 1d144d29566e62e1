"""The name of a mail, as reports, pages and snapshots write it."""

import pytest

from keyturn.studio.gallery import MailName


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (MailName("orders/shipped", "first", "de"), "orders/shipped/first de"),
        (MailName("orders/shipped", "first"), "orders/shipped/first"),
        (MailName("orders/shipped"), "orders/shipped"),
    ],
)
def test_a_name_is_written_without_what_it_lacks(name: MailName, written: str) -> None:
    assert str(name) == written
