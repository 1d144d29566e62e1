"""The weights of images in the studio."""

from pathlib import Path

from tests.emails.studio.fixtures import Client


def test_an_image_beside_the_mail_is_weighed_and_one_of_a_host_is_not(client: Client, folder: Path) -> None:
    (folder / "here.png").write_bytes(bytes(2048))
    file = folder / "notice" / "notice.mjml"
    images = "".join(
        f'<mj-image src="{name}" alt="A boat" width="90px" />' for name in ("here.png", "https://a.example/x.png")
    )
    file.write_text(file.read_text().replace("<mj-text>", f"{images}<mj-text>"))

    page = client.get("/studio/templates/notice?sample=only&tab=checks").text

    assert "2.0 KB" in page
    assert page.count("not measured") == 1
