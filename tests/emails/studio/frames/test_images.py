"""A mail without its images."""

import re

from tests.emails.studio.fixtures import Client


def test_the_policy_of_the_frame_refuses_images_whatever_names_them(client: Client) -> None:
    policy = client.get("/studio/frames/greeting?images=off").headers["content-security-policy"]
    assert "img-src 'none'" in policy
    assert "img-src data: https: http:" in client.get("/studio/frames/greeting").headers["content-security-policy"]


def test_images_can_be_left_out_of_a_captured_mail_as_well(client: Client) -> None:
    page = client.get("/studio/templates/greeting?images=off").text
    assert "images=off" in re.findall(r'<iframe src="([^"]+)"', page)[0]
