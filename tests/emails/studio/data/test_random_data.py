"""Data that is made up from a seed in the address."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.emails.studio.fixtures import Client
from tests.emails.studio.orders import Order, fields_of, order_studio

from keyturn.emails.gallery import Sample
from keyturn.emails.studio import Studio
from keyturn.emails.studio.data.random_data import random_sample
from keyturn.mail.rendering.render import EmailProps
from keyturn.reset.mails.email_props import EMAILS

pytestmark = pytest.mark.long

_TYPED: tuple[type[EmailProps], ...] = (Order, *EMAILS.values())
_FAR = "import time\ntime.time = lambda: 4e9"
_PRINT = """
from tests.emails.studio.orders import Order
from keyturn.emails.gallery import Sample
from keyturn.emails.studio.data.random_data import random_sample
from keyturn.mail.rendering.render import EmailProps
print([random_sample(Sample("", {}), Order, seed).values for seed in range(5)])
"""


@pytest.fixture
def studio(folder: Path) -> Studio:
    return order_studio(folder)


def test_a_hundred_surprises_fit_their_types_and_differ() -> None:
    for props in _TYPED:
        made = [random_sample(Sample("", {}), props, seed).values for seed in range(100)]
        assert all(msgspec.convert(msgspec.to_builtins(values), props) for values in made)
        assert len({str(values) for values in made}) > 95


def test_a_seed_makes_the_same_in_another_process_on_another_day() -> None:
    root = Path(__file__).parents[4]
    here, there = (
        subprocess.run(
            [sys.executable, "-c", day + _PRINT], capture_output=True, text=True, check=True, cwd=root
        ).stdout
        for day in ("", _FAR)
    )
    assert here == there
    assert "2026" in here or "2027" in here


def test_names_links_and_addresses_are_plausible_and_lead_nowhere() -> None:
    for seed in range(50):
        values = random_sample(Sample("", {}), EMAILS["password_reset"], seed).values
        assert re.fullmatch(r"https://[\w.-]+\.(example|test)/\S+", values["link"])
        assert re.fullmatch(r"\S+@[\w.-]+\.(example|test)", values["email"])
        assert "@" not in values["name"]
        assert values["name"]
    changed = random_sample(Sample("", {}), EMAILS["password_changed"], 1).values
    assert re.fullmatch(r"203\.0\.113\.\d+|2001:db8:.*", changed["address"])


def test_plain_values_vary_by_their_own_looks() -> None:
    start = Sample(
        "one",
        {
            "title": "What changed",
            "count": 4,
            "price": 2.5,
            "new": True,
            "accent": "#14614b",
            "none": None,
            "anything": "one two three",
            "link": "https://www.northwind.example/digest?a=1",
            "to": "ada@northwind.example",
            "stories": [{"headline": "The heating is back"}],
        },
    )
    made = [random_sample(start, None, seed).values for seed in range(30)]
    assert all(values.keys() == start.values.keys() for values in made)
    assert all(type(values[name]) is type(start.values[name]) for values in made for name in start.values)
    assert {values["accent"] for values in made} == {"#14614b"}
    assert all(values["link"].startswith("https://www.northwind.example/") for values in made)
    assert all(set(values["anything"].lower().split()) <= {"one", "two", "three"} for values in made)
    assert {len(values["stories"]) for values in made} == {1, 2, 3}
    assert made == [random_sample(start, None, seed).values for seed in range(30)]


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("https://account.northwind.example/reset-password/kT3vQ9mXh2Jr0pZsYc7LwA", r"/reset-password/\w{22}"),
        ("https://account.northwind.example/reset?token=kT3vQ9mXh2Jr0pZs&lang=en", r"/reset\?token=\w{16}&lang=en"),
        ("https://account.northwind.example/orders/1042/track", r"/orders/\d{4}/track"),
        ("https://account.northwind.example/how-to-choose-a-password", "/how-to-choose-a-password"),
        ("https://account.northwind.example", ""),
    ],
)
def test_a_link_leads_to_the_page_of_the_sample_with_another_token(link: str, page: str) -> None:
    for props in (None, EMAILS["password_reset"]):
        made = {random_sample(Sample("one", {"link": link}), props, seed).values["link"] for seed in range(20)}
        assert all(re.fullmatch(rf"https://account\.northwind\.example{page}", one) for one in made)
        assert (len(made) > 10) == ("{" in page)


def test_the_button_leads_to_a_seed_that_shows_and_can_be_typed(client: Client) -> None:
    page = client.get("/studio/templates/order?sample=lamp").text
    link = re.search(r'<a id="surprise"[^>]*href="(\?sample=lamp&amp;seed=(\d+))"[^>]*aria-keyshortcuts="u"', page)
    assert link
    made = client.get(f"/studio/templates/order{link[1].replace('&amp;', '&')}").text
    assert f'name="seed" value="{link[2]}"' in made
    assert re.search(r'<a id="no-seed" href="\?sample=lamp">Back to lamp</a>', made)
    frames = [client.get(f"/studio/frames/order?sample=lamp{seed}").text for seed in ("", f"&seed={link[2]}")]
    assert frames[0] != frames[1]


def test_a_seed_and_an_edit_combine(client: Client) -> None:
    alone: dict[str, Any] = {"sample": "lamp", "seed": 7, "data": "json"}
    both = {**alone, "edit": '{"name":"Grace"}'}
    made, edited = (
        json.loads(dict(fields_of(client.get("/studio/templates/order", params=params).text))["json"])
        for params in (alone, both)
    )
    assert made["name"] != "Grace"
    assert edited == {**made, "name": "Grace"}
    assert "Order for Grace" in client.get("/studio/frames/order", params=both).text
    page = client.get("/studio/templates/order", params={"sample": "lamp", "seed": 7, "edit": '{"name":"Grace"}'}).text
    assert "1 edited" in page
    sent = fields_of(page)
    assert client.get("/studio/edit/order", params=sent).url.params["edit"] == '{"name":"Grace"}'


def test_plain_samples_are_surprised_too(client: Client) -> None:
    pages = {client.get(f"/studio/frames/digest?seed={seed}").text for seed in range(5)}
    assert len(pages) == 5


def test_a_seed_that_is_no_number_is_told(client: Client) -> None:
    answer = client.get("/studio/templates/order?seed=many")
    assert answer.status_code == 400
    assert "The address cannot be read: seed must be a whole number, not" in answer.text


def test_a_typed_template_without_samples_teaches_with_data_that_fits_and_can_be_surprised(
    client: Client, folder: Path
) -> None:
    (folder / "order" / "samples.toml").rename(folder / "order" / "kept.txt")
    page = client.get("/studio/templates/order").text
    assert "order has no sample yet" in page
    assert "# who ordered" in page
    start = re.split("<pre[^>]*><code>", page)[1].split("</code></pre>")[0]
    (folder / "order" / "samples.toml").write_text(start.replace("&#34;", '"').replace("&#39;", "'"))
    assert 'id="field/name"' in client.get("/studio/templates/order?sample=first").text
    (folder / "order" / "samples.toml").unlink()
    made = client.get("/studio/templates/order?seed=3").text
    assert "Save as a sample" in made
    assert json.loads(dict(fields_of(client.get("/studio/templates/order?seed=3&data=json").text))["json"])["name"]
    assert "Checking this mail" not in client.get("/studio/templates/order?seed=3&tab=checks").text
