"""The list on the left: folders, samples, and the index of the palette."""

import re
from pathlib import Path

import pytest
from tests.studio.web.fixtures import NOTICE, Client


def listed(page: str) -> list[str]:
    """Return the templates and shared files of the list."""
    nav = page[page.index('data-region="list"') : page.index('class="review"')]
    return re.findall(r'<a id="(?:template|file)-[^"]*" class="[^"]*" href="/studio/(?:templates|files)/([^"?]*)', nav)


def add(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / f"{name}.mjml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(NOTICE)


def test_a_folder_is_a_heading_over_its_templates(client: Client, folder: Path) -> None:
    add(folder, "orders/shipped", "orders/paid", "orders/late/first")
    page = client.get("/studio/templates/orders/paid").text
    names = [*("greeting", "notice"), *("orders/paid", "orders/shipped"), "orders/late/first", "_layout/base.mjml"]
    assert listed(page) == names, "those at the top come first, then folder by folder"
    assert re.search(r'<p class="folder" id="folder-orders">orders/</p>\s*<ul aria-labelledby="folder-orders">', page)
    assert 'id="template-orders/paid" class="row open" href="/studio/templates/orders/paid"' in page
    assert "<span>paid</span>" in page


def test_the_index_holds_templates_samples_and_shared_files_and_is_not_kept(client: Client) -> None:
    answer = client.get("/studio/index.json?width=320&scheme=dark&sample=ada&edit=%7B%7D&line=x&pane=list")
    assert answer.headers["cache-control"] == "no-store"
    items = {(item["kind"], item["label"]): item["href"] for item in answer.json()}
    samples = ["greeting / ada", "greeting / grace", "notice / only"]
    assert [label for _, label in items] == ["greeting", "notice", *samples, "_layout/base.mjml"]
    assert items["Template", "greeting"] == "/studio/templates/greeting?width=320&scheme=dark"
    assert items["Sample", "greeting / grace"] == "/studio/templates/greeting?sample=grace&width=320&scheme=dark"
    assert items["Shared file", "_layout/base.mjml"] == "/studio/files/_layout/base.mjml?width=320&scheme=dark"


def closed(page: str) -> list[str]:
    return re.findall(r'class="row closed"[^>]* aria-label="([^"]*)"', page)


def test_a_long_list_holds_the_folder_of_the_chosen_template_and_a_row_for_each_other(
    client: Client, folder: Path
) -> None:
    add(folder, *(f"area_{group:02}/mail_{number:03}" for group in range(3) for number in range(100)))
    page = client.get("/studio/templates/area_01/mail_050").text
    assert len([name for name in listed(page) if re.fullmatch(r"area_01/mail_\d+", name)]) == 100
    assert closed(page) == ["area_00/, 100 templates", "area_02/, 100 templates"]
    assert 'id="folder-area_02" class="row closed" href="/studio/templates/area_02/mail_000?pane=list"' in page
    assert closed(client.get("/studio").text) == [f"area_{group:02}/, 100 templates" for group in range(3)]


def test_a_list_longer_than_a_page_has_rows_has_those_around_the_chosen_one(client: Client, folder: Path) -> None:
    add(folder, *(f"area_00/mail_{number:03}" for number in range(500)))
    page = client.get("/studio/templates/area_00/mail_250").text
    names = [name for name in listed(page) if re.fullmatch(r"area_00/mail_\d+", name)]
    assert (len(names), "area_00/mail_250" in names) == (200, True)
    assert "302 more are not listed." in page


@pytest.mark.long
def test_a_page_over_five_thousand_files_has_less_than_200_kilobytes(client: Client, folder: Path) -> None:
    add(folder, *(f"area_{group:02}/mail_{number:03}" for group in range(50) for number in range(50)))
    for file in folder.glob("area_*/*.mjml"):
        file.with_suffix(".txt").write_text("Hello\n")
    for address in ("/studio", "/studio/templates/area_20/mail_001", "/studio/sheet", "/studio/findings"):
        assert len(client.get(address).content) < 200_000
