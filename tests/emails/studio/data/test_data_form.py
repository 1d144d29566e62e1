"""The form of the data: made from the types, kept in the address, and without changes to untouched values."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.emails.studio.fixtures import Client
from tests.emails.studio.orders import ORDERS, changed, edit_in, fields_of, order_studio

from keyturn.studio.web import Studio

PAGE = "/studio/templates/order"


@pytest.fixture
def studio(folder: Path) -> Studio:
    return order_studio(folder)


def page_of(client: Client, edit: object = None, query: str = "") -> str:
    edit = "" if edit is None else f"&edit={quote(edit if isinstance(edit, str) else json.dumps(edit))}"
    return client.get(f"{PAGE}?sample=lamp{edit}{query}").text


def control(page: str, place: str) -> str:
    found = re.search(rf'<(?:input|select|textarea)[^>]*name="{place}"[^>]*>', page)
    assert found, place
    return found[0]


def send(client: Client, sent: list[tuple[str, Any]]) -> str:
    """Send the form; return the edit that comes of it."""
    answer = client.get("/studio/edit/order", params=sent, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{PAGE}?")
    return edit_in(answer)


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("/name", ['type="text"', 'value="Ada"', 'maxlength="12"', 'aria-describedby="field/name-says"']),
        ("/link", ['type="text"', 'pattern="(?:.*(?:^https?://).*)"', 'maxlength="200"']),
        ("/items/0/title", ['minlength="1"', "required", 'maxlength="20"']),
        ("/items/0/price", ['type="number"', 'min="0"', 'max="100"', 'step="any"', "required"]),
        ("/pairs", ['type="number"', 'min="2"', 'max="9"', 'step="2"']),
        ("/express", ['type="checkbox"']),
        ("/sent_at", ['type="datetime-local"', 'value="2026-11-20T14:32"']),
        ("/arrives", ['type="date"', 'value="2026-11-23"', "required"]),
        ("/opens", ['type="time"', 'value="09:00:00"']),
        ("/life", ['type="text"', 'value="30 minutes"', "required"]),
        ("/colour", ["<select"]),
        ("/extra", ["<textarea"]),
    ],
)
@pytest.mark.long
def test_each_type_has_its_control_with_its_constraints(client: Client, place: str, parts: list[str]) -> None:
    found = control(page_of(client), place)
    assert all(part in found for part in parts), found


def test_a_choice_offers_its_values_and_unset_only_where_it_may_be(client: Client) -> None:
    page = page_of(client)
    colours, tones = (
        re.findall(r"<option.*?>(\w+)<", page.split(f'name="/{name}"')[1].split("</select>")[0])
        for name in ("colour", "tone")
    )
    assert colours == ["green", "red"]
    assert tones == ["unset", "formal", "friendly"]


def test_every_control_has_a_label_and_the_zone_of_a_moment_is_told(client: Client) -> None:
    page = page_of(client)
    labelled = re.findall(r'<label for="([^"]+)"', page)
    controls = re.findall(r'<(?:input|select|textarea) id="(field/[^"]+)" name="/', page)
    assert controls
    assert set(controls) <= set(labelled)
    assert '<span class="zone">+01:00</span>' in page


def test_what_nobody_touched_is_no_edit(client: Client) -> None:
    for template, sample in (("order", "lamp"), ("order", "biscuits"), ("digest", "monday")):
        page = client.get(f"/studio/templates/{template}?sample={sample}").text
        answer = client.get(f"/studio/edit/{template}", params=fields_of(page), follow_redirects=False)
        assert answer.headers["location"] == f"/studio/templates/{template}?sample={sample}"


def test_only_what_differs_is_in_the_address_and_the_rest_of_the_view_is_kept(client: Client) -> None:
    sent = changed(
        fields_of(page_of(client, query="&width=375&scheme=dark")),
        name="Grace",
        life="1 h 5 min",
        sent_at="2027-01-02T03:04",
    )
    answer = client.get("/studio/edit/order", params=sent, follow_redirects=False)
    assert json.loads(edit_in(answer)) == {"name": "Grace", "sent_at": "2027-01-02T03:04:00+01:00", "life": "PT1H5M"}
    assert answer.headers["location"].endswith("&width=375&scheme=dark")
    mail = client.get(answer.headers["location"].replace("templates", "frames")).text
    assert "Order for Grace" in mail
    assert "2027-01-02 03:04:00+01:00" in mail
    assert "1:05:00" in mail


def test_a_number_of_thousands_of_digits_is_a_text_that_is_none(client: Client) -> None:
    sent = changed(fields_of(page_of(client)), **{"items/0/price": "1" * 5000})
    answer = client.get("/studio/edit/order", params=sent, follow_redirects=False)
    assert answer.status_code in {303, 400}


def test_an_edit_that_is_taken_back_leaves_the_address(client: Client) -> None:
    sent = fields_of(page_of(client, {"name": "Grace"}))
    assert send(client, changed(sent, name="Ada")) == ""


def test_items_are_added_as_the_last_one_is_and_removed(client: Client) -> None:
    sent = fields_of(page_of(client))
    two = send(client, [*sent, ("add", "/items")])
    assert [item["title"] for item in json.loads(two)["items"]] == ["Lamp", "Lamp"]
    page = page_of(client, two)
    assert 'value="/items/1"' in page
    one = send(client, [*changed(fields_of(page), items__1__title="Shade"), ("remove", "/items/0")])
    assert [item["title"] for item in json.loads(one)["items"]] == ["Shade"]


def test_there_is_no_button_beyond_the_limits_of_a_list(client: Client) -> None:
    one = page_of(client)
    assert 'name="remove"' not in one
    three = page_of(client, {"items": [{"title": "Lamp", "price": 1}] * 3})
    assert 'name="remove" value="/items/2"' in three
    assert 'name="add" value="/items"' not in three


def test_an_item_is_added_to_an_empty_list_too(client: Client) -> None:
    page = page_of(client, {"items": []})
    edit = json.loads(send(client, [*fields_of(page), ("add", "/items")]))
    assert edit["items"] == [{"title": "x", "price": 0}]


def test_what_may_be_none_can_be_unset_and_set_again(client: Client) -> None:
    page = page_of(client)
    set_again = [
        (name, value)
        for name, value in fields_of(page)
        if (name, value) not in (("unset", "/venue"), ("unset", "/note"))
    ]
    edit = send(client, [*[(name, text) for name, text in set_again if name != "/note"], ("/note", "By hand")])
    assert json.loads(edit) == {"note": "By hand", "venue": {"street": ""}}
    page = page_of(client, edit)
    assert 'name="/venue/street"' in page
    assert send(client, [*fields_of(page), ("unset", "/venue"), ("unset", "/note")]) == ""


@pytest.mark.parametrize(
    ("texts", "place", "says"),
    [
        ({"name": "Wilhelmina Charlotte"}, "/name", "At most 12 characters. You entered 20."),
        ({"link": "orders/42"}, "/link", "This must match ^https?://"),
        ({"items__0__title": ""}, "/items/0/title", "At least 1 character. You entered 0."),
        ({"items__0__price": "101"}, "/items/0/price", "Enter 100 or less."),
        ({"items__0__price": "-0.5"}, "/items/0/price", "Enter 0 or more."),
        ({"items__0__price": "cheap"}, "/items/0/price", "Enter a number."),
        ({"pairs": "3"}, "/pairs", "Enter a multiple of 2."),
        ({"sent_at": ""}, "/sent_at", "Enter a date and time, such as 2026-11-20T14:32:00Z."),
        ({"arrives": ""}, "/arrives", "Enter a date, such as 2026-11-20."),
        ({"opens": "late"}, "/opens", "Enter a time, such as 14:32:00."),
        ({"life": "soon"}, "/life", 'Not a duration: write "30 minutes", "1 hour 30 minutes" or "PT30M".'),
        ({"colour": '"blue"'}, "/colour", "Invalid enum value 'blue'."),
        ({"extra": '{\n  "a": "b"\n}'}, "/extra", "Enter a number."),
        ({"extra": "{"}, "/extra", "Enter valid JSON."),
    ],
)
@pytest.mark.long
def test_what_does_not_fit_is_told_at_its_field_and_nothing_typed_is_lost(
    client: Client, texts: dict[str, str], place: str, says: str
) -> None:
    good = send(client, changed(fields_of(page_of(client)), name="Good"))
    client.get(f"{PAGE}?sample=lamp&edit={quote(good)}")
    edit = send(client, changed(fields_of(page_of(client, good)), **texts))
    page = page_of(client, edit)
    assert f'<p id="field{place}-misfit" class="misfit">{says}</p>' in unescape(page).replace("&#34;", '"')
    assert f'aria-describedby="field{place}' in page
    assert 'aria-invalid="true"' in control(page, place)
    assert "One value is not valid." in page
    assert [text for name, text in fields_of(page) if name == place] == list(texts.values())
    assert "Order for Good" in client.get(f"/studio/frames/order?sample=lamp&edit={quote(edit)}").text


def test_two_misfits_are_told_and_summed_up(client: Client) -> None:
    page = page_of(client, {"name": "Wilhelmina Charlotte", "items": []})
    assert "2 values are not valid." in page
    assert "At least 1 item. You entered 0." in page


def test_each_field_and_all_of_them_can_be_reset(client: Client) -> None:
    page = page_of(client, {"name": "Grace", "life": "PT1H"})
    assert "2 edited" in page
    links = dict(re.findall(r'<a id="((?:field/\w+-)?reset)"[^>]*href="([^"]+)"', page))
    assert links.keys() == {"reset", "field/name-reset", "field/life-reset"}
    assert links["reset"] == "?sample=lamp"
    assert client.get(PAGE + unescape(links["field/name-reset"])).url.params["edit"] == '{"life":"PT1H"}'


def test_another_sample_starts_anew_and_another_look_does_not(client: Client) -> None:
    page = page_of(client, {"name": "Grace"})
    assert 'href="/studio/templates/order?sample=biscuits"' in page
    assert re.search(r'id="dark" href="\?sample=lamp&amp;edit=[^"]+&amp;scheme=dark"', page)


def test_values_that_nothing_describes_have_a_form_by_their_looks(client: Client) -> None:
    page = client.get("/studio/templates/digest").text
    assert 'type="datetime-local"' in control(page, "/at")
    assert 'type="number"' in control(page, "/count")
    assert 'value="New doors"' in control(page, "/stories/1/headline")
    assert 'type="checkbox"' in control(page, "/stories/1/new")
    sent = changed(fields_of(page), at="2030-01-01T00:00", count="5.5", stories__0__headline="It is warm")
    answer = client.get("/studio/edit/digest", params=sent)
    assert "It is warm" in answer.text
    mail = client.get(str(answer.url).replace("templates", "frames")).text
    assert ">2030 5.5</p>" in mail


def test_a_plain_date_that_is_none_any_more_is_told_at_its_field(client: Client) -> None:
    page = client.get("/studio/templates/digest", params={"edit": '{"at":"soon"}'}).text
    assert "Enter a date and time, such as 2026-11-20T14:32:00Z." in page
    assert 'value="soon"' in control(page, "/at")


def test_a_field_that_the_types_do_not_know_is_told(client: Client) -> None:
    assert "Order has no field with this name." in page_of(client, {"nmae": "Ada"})


def test_a_very_long_address_is_told_and_works(client: Client) -> None:
    page = client.get("/studio/templates/digest", params={"edit": json.dumps({"title": "word " * 2000})}).text
    assert re.search(r"This address has \d+\.\d KB\..*save the data as a sample", page)
    assert "word word" in page
    assert "This address has" not in page_of(client, {"name": "Grace"})


def test_samples_that_cannot_be_read_are_told_and_an_edit_waits_for_them(client: Client, folder: Path) -> None:
    (folder / "order" / "samples.toml").write_text(ORDERS + "[lamp\n")
    page = client.get("/studio/edit/order?sample=lamp&edit=%7B%22name%22%3A%22Grace%22%7D&%2Fname=Bo")
    assert page.url.params["edit"] == '{"name":"Grace"}'
    assert "The samples cannot be read." in page.text


def test_what_is_checked_is_what_is_drawn(client: Client) -> None:
    good, bad = (page_of(client, edit, "&tab=checks") for edit in (None, {"link": "http://www.northwind.example/a"}))
    assert "http://www.northwind.example/a" in bad
    assert "http://www.northwind.example/a" not in good


@pytest.mark.parametrize("index", ["9" * 5_000, "99", "²", "-1"])
def test_the_place_of_an_item_that_is_not_there_changes_nothing(client: Client, index: str) -> None:
    assert send(client, [*fields_of(page_of(client)), ("remove", f"/items/{index}")]) == send(
        client, fields_of(page_of(client))
    )
