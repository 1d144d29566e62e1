"""The origins to which a client may return."""

import pytest
from tests.settings.reading import Faults, Read


def test_origins_are_read_and_none_is_allowed_by_default(read: Read) -> None:
    assert read().return_origins == ()
    origins = read('return_origins = ["https://app.example.org", "https://shop.example.org:8443"]').return_origins
    assert origins == ("https://app.example.org", "https://shop.example.org:8443")


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "http://app.example.org",
        "app.example.org",
    ],
)
def test_what_is_no_origin_of_https_is_refused(faults: Faults, origin: str) -> None:
    assert "must be origins such as" in faults(f'return_origins = ["{origin}"]')["return_origins"]


def test_an_origin_of_this_machine_is_fine_in_development_alone(faults: Faults, read: Read) -> None:
    local = 'return_origins = ["http://127.0.0.1:3000"]'
    assert "return_origins" in faults(local)
    assert read(f'environment = "development"\n{local}').return_origins == ("http://127.0.0.1:3000",)
