"""The home page, the contact sheet, and the list on the left."""

import re
from pathlib import Path

import pytest
from tests.studio.web.fixtures import NOTICE, OURS, Client, opened

from keyturn.studio.web.app import Studio


def cards(page: str) -> list[str]:
    return re.findall(r'<a id="card-[^"]*" href="([^"]*)">', page)


def test_the_studio_opens_with_each_mail_by_its_first_sample(client: Client) -> None:
    answer = client.get("/")
    assert answer.url.path == "/studio"
    assert cards(answer.text) == [
        "/studio/templates/greeting?sample=ada",
        "/studio/templates/notice?sample=only",
    ]
    assert re.findall(r'<iframe src="([^"]*)"', answer.text) == [
        "/studio/frames/greeting?sample=ada",
        "/studio/frames/notice?sample=only",
    ]
    assert answer.text.count('loading="lazy"') == 2


def test_a_studio_that_is_started_for_its_inbox_opens_on_it(studio: Studio) -> None:
    with opened(studio, opens_inbox=True) as client:
        assert client.get("/studio").url.path == "/studio/inbox"
        assert len(cards(client.get("/studio?scheme=dark").text)) == 2


def test_a_mail_opens_in_the_view_of_the_home_page(client: Client) -> None:
    page = client.get("/studio?scheme=dark&lang=en&width=320").text
    query = "sample=ada&amp;lang=en&amp;width=320&amp;scheme=dark"
    assert cards(page)[0] == f"/studio/templates/greeting?{query}"
    assert 'src="/studio/frames/greeting?sample=ada&amp;lang=en&amp;scheme=dark"' in page


def test_a_broken_mail_whose_samples_cannot_be_read_has_a_card(
    client: Client, folder: Path
) -> None:
    (folder / "notice" / "notice.mjml").write_text("<mjml>{% if %}</mjml>")
    (folder / "notice" / "samples.toml").write_text("[only\n")
    page = client.get("/studio").text
    assert cards(page)[1] == "/studio/templates/notice"
    assert "Its samples cannot be read" in page
    for here, link, there in (
        ("greeting?sample=grace", "next", "notice"),
        ("notice", "prev", "greeting?sample=grace"),
    ):
        assert (
            f'rel="{link}" href="/studio/templates/{there}"'
            in client.get(f"/studio/templates/{here}").text
        )


def test_a_program_that_asks_for_no_page_or_by_a_wrong_method_gets_a_problem_document(
    client: Client,
) -> None:
    json = {"accept": "application/json"}
    for address in (
        "/studio/nothing/here",
        "/studio/inbox/none/parts/first",
        "/inbox/none",
        "/api/none",
    ):
        answer = client.get(address, headers=json)
        assert (answer.status_code, answer.headers["content-type"]) == (
            404,
            "application/problem+json",
        )
        assert answer.json()["detail"] == f"There is no page {address}."
    answer = client.get("/studio/drafts/greeting", headers=json)
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("method", "address"),
    [("POST", "/studio/drafts/greeting"), ("POST", "/studio/sources/greeting/greeting.mjml"),
     ("DELETE", "/api/v1/messages")],
)  # fmt: skip
def test_a_body_that_is_nested_too_deeply_is_refused(
    client: Client, method: str, address: str
) -> None:
    headers = {"content-type": "application/json", **OURS}
    answer = client.request(
        method, address, content='{"x":' + "[" * 100_000 + "]" * 100_000 + "}", headers=headers
    )
    assert (answer.status_code, "nested too deeply" in answer.text) == (400, True)


def test_a_large_folder_has_pages_of_two_hundred_mails(client: Client, folder: Path) -> None:
    for number in range(401):
        (folder / f"more_{number:03}.html").write_text("<title>More</title><p>Hello</p>")
    first, last, beyond = (client.get(f"/studio?page={page}").text for page in (1, 3, 9))
    assert [len(cards(page)) for page in (first, last, beyond)] == [200, 3, 3]
    assert "Page 1 of 3" in first
    assert 'rel="next" href="?page=2"' in first
    assert 'rel="next"' not in last
    assert "403 templates" in first


def cells(page: str) -> list[tuple[str, str]]:
    """Return template and caption of each mail on the sheet."""
    found = re.findall(
        r'<a href="/studio/templates/([\w/]+)\?[^"]*" aria-label="[^"]*">([^<]*)</a>', page
    )
    return [(template, caption) for template, caption in found]


def test_the_sheet_shows_first_samples_at_two_widths_in_light_and_dark_or_what_the_address_says(
    client: Client,
) -> None:
    page = client.get("/studio/sheet").text
    assert re.search(r'data-region="counts">\d+ previews<', page)
    captions = [f"{width} · {scheme}" for width in (375, 600) for scheme in ("Light", "Dark")]
    assert cells(page) == [
        (template, caption) for template in ("greeting", "notice") for caption in captions
    ]
    frames = re.findall(r'<iframe src="/studio/frames/([^"]*)"', page)
    assert frames[:2] == ["greeting?sample=ada", "greeting?sample=ada&amp;scheme=dark"]
    assert page.count('loading="lazy"') == page.count('sandbox="allow-same-origin"') == 8

    page = client.get("/studio/sheet?width=600&width=320&scheme=full&samples=all").text
    captions = ["320 · Gmail iOS", "600 · Gmail iOS"]
    assert cells(page) == [
        (name, each) for name in ("greeting", "greeting", "notice") for each in captions
    ]
    assert re.findall(r"<h3>(\w+)</h3>", page) == ["ada", "grace", "only"]
    checked = re.findall(r'id="([\w-]+)" type="checkbox"[^>]* checked', page)
    assert checked == ["width-320", "width-600", "scheme-full", "samples-all"]


def listed(page: str) -> list[str]:
    """Return the templates and shared files of the list."""
    nav = page[page.index('data-region="list"') : page.index('class="review"')]
    return re.findall(
        r'<a id="(?:template|file)-[^"]*" class="[^"]*" href="/studio/(?:templates|files)/([^"?]*)',
        nav,
    )


def add(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / f"{name}.mjml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(NOTICE)


def test_a_folder_is_a_heading_over_its_templates(client: Client, folder: Path) -> None:
    add(folder, "orders/shipped", "orders/paid", "orders/late/first")
    page = client.get("/studio/templates/orders/paid").text
    names = [
        *("greeting", "notice"),
        *("orders/paid", "orders/shipped"),
        "orders/late/first",
        "_layout/base.mjml",
    ]
    assert listed(page) == names, "those at the top come first, then folder by folder"
    assert re.search(
        r'<p class="folder" id="folder-orders">orders/</p>\s*<ul aria-labelledby="folder-orders">',
        page,
    )
    assert 'id="template-orders/paid" class="row open" href="/studio/templates/orders/paid"' in page
    assert "<span>paid</span>" in page


def test_the_index_holds_templates_samples_and_shared_files_and_is_not_kept(client: Client) -> None:
    answer = client.get(
        "/studio/index.json?width=320&scheme=dark&sample=ada&edit=%7B%7D&line=a:1&pane=list"
    )
    assert answer.headers["cache-control"] == "no-store"
    items = {(item["kind"], item["label"]): item["href"] for item in answer.json()}
    samples = ["greeting / ada", "greeting / grace", "notice / only"]
    assert [label for _, label in items] == ["greeting", "notice", *samples, "_layout/base.mjml"]
    assert items["Template", "greeting"] == "/studio/templates/greeting?width=320&scheme=dark"
    assert (
        items["Sample", "greeting / grace"]
        == "/studio/templates/greeting?sample=grace&width=320&scheme=dark"
    )
    assert (
        items["Shared file", "_layout/base.mjml"]
        == "/studio/files/_layout/base.mjml?width=320&scheme=dark"
    )


def closed(page: str) -> list[str]:
    return re.findall(r'class="row closed"[^>]* aria-label="([^"]*)"', page)


def test_a_long_list_holds_a_page_of_the_chosen_folder_and_a_row_for_each_other(
    client: Client, folder: Path
) -> None:
    add(
        folder,
        *(f"area_{group:02}/mail_{number:03}" for group in range(3) for number in range(100)),
    )
    page = client.get("/studio/templates/area_01/mail_050").text
    assert len([name for name in listed(page) if re.fullmatch(r"area_01/mail_\d+", name)]) == 100
    assert closed(page) == ["area_00/, 100 templates", "area_02/, 100 templates"]
    assert (
        'id="folder-area_02" class="row closed" href="/studio/templates/area_02/mail_000?pane=list"'
        in page
    )
    assert closed(client.get("/studio").text) == [
        f"area_{group:02}/, 100 templates" for group in range(3)
    ]
    add(folder, *(f"area_00/mail_{number:03}" for number in range(100, 500)))
    page = client.get("/studio/templates/area_00/mail_250").text
    names = [name for name in listed(page) if re.fullmatch(r"area_00/mail_\d+", name)]
    assert (len(names), "area_00/mail_250" in names) == (200, True)
    assert re.search(r"\d+ more are not listed\.", page)


@pytest.mark.long
def test_a_page_over_five_thousand_files_has_less_than_200_kilobytes(
    client: Client, folder: Path
) -> None:
    add(
        folder,
        *(f"area_{group:02}/mail_{number:03}" for group in range(50) for number in range(50)),
    )
    for file in folder.glob("area_*/*.mjml"):
        file.with_suffix(".txt").write_text("Hello\n")
    for address in (
        "/studio",
        "/studio/templates/area_20/mail_001",
        "/studio/sheet",
        "/studio/findings",
    ):
        assert len(client.get(address).content) < 200_000
