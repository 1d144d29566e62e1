"""What must hold for mobile apps, and for the origins to which a client may return."""

import pytest
from tests.settings.reading import Faults, Read

PRINT = ":".join(["14"] * 32)


def test_nothing_is_on_by_default(read: Read) -> None:
    settings = read()
    assert (settings.apps.apple, settings.apps.android, settings.apps.open_url) == ((), {}, "")
    assert settings.return_origins == ()


def test_apps_and_origins_are_read(read: Read) -> None:
    settings = read(f"""
        base_url = "https://account.example.org"
        return_origins = ["https://app.example.org", "https://shop.example.org:8443"]
        [apps]
        apple = ["ABCDE12345.org.example.app"]
        open_url = "org.example.app:/reset/{{token}}"
        apple_store_id = "1234567890"
        [apps.android]
        "org.example.app" = ["{PRINT}"]
    """)
    assert settings.apps.android == {"org.example.app": (PRINT,)}
    assert settings.return_origins == ("https://app.example.org", "https://shop.example.org:8443")


def test_every_mistake_is_reported_at_once_by_its_name(faults: Faults) -> None:
    found = faults("""
        reset_url = "https://app.example.org/reset/{token}"
        return_origins = ["https://app.example.org/"]
        [apps]
        apple = ["org.example.app"]
        open_url = "javascript:alert('{token}')"
        apple_store_id = "id123"
        [apps.android]
        "example" = ["14:6D"]
    """)
    assert set(found) == {
        "return_origins",
        "apps.apple",
        "apps.open_url",
        "apps.apple_store_id",
        "apps.android.example",
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://open.example.org/reset",
        "https://open.example.org/{token}/{token}",
        "https://{token}.example.org/",
        "https://open.example.org@evil.example/{token}",
        "http://open.example.org/{token}",
        "northwind://reset/{token}",
        "data:text/html,{token}",
        "org.example.app:/reset/{token} ",
        "//open.example.org/{token}",
    ],
)
def test_an_address_that_opens_no_app_is_refused(faults: Faults, url: str) -> None:
    assert "must be an address such as" in faults(f'[apps]\nopen_url = "{url}"')["apps.open_url"]


@pytest.mark.parametrize(
    "origin",
    ["*", "https://*", "http://app.example.org", "https://App.example.org", "https://a@b.example", "app.example.org"],
)
def test_what_is_no_origin_of_https_is_refused(faults: Faults, origin: str) -> None:
    assert "must be origins such as" in faults(f'return_origins = ["{origin}"]')["return_origins"]


def test_an_origin_of_this_machine_is_fine_in_development_alone(faults: Faults, read: Read) -> None:
    local = 'return_origins = ["http://127.0.0.1:3000"]'
    assert "return_origins" in faults(local)
    assert read(f'environment = "development"\n{local}').return_origins == ("http://127.0.0.1:3000",)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://account.example.org"])
def test_the_files_need_links_that_lead_here_by_https(faults: Faults, read: Read, url: str) -> None:
    given = f'base_url = "{url}"\n[apps]\napple = ["ABCDE12345.org.example.app"]'
    if url.startswith("https"):
        assert read(given).apps.apple
    else:
        assert set(faults(given)) == {"apps.apple"}
