"""The data of a typed template without samples."""

from pathlib import Path

import pytest
from tests.emails.studio.fixtures import Client
from tests.emails.studio.orders import form_of, order_studio

from keyturn.studio.web import Studio

pytestmark = pytest.mark.long


@pytest.fixture
def studio(folder: Path) -> Studio:
    return order_studio(folder)


def test_a_typed_template_without_samples_is_rendered_with_values_that_fit(client: Client, folder: Path) -> None:
    (folder / "order" / "samples.toml").rename(folder / "order" / "kept.txt")

    form = form_of(client.get("/studio/templates/order").text)

    assert form["values"]["name"]
    assert form["faults"] == {}
    assert client.get("/studio/frames/order").status_code == 200
    assert client.get("/studio/templates/order?sample=guessed").status_code == 200
