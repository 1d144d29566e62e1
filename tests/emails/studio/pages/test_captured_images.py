"""Images of captured mails: those that they bring along, and those that lie elsewhere."""

from email.message import EmailMessage

from tests.emails.studio.fixtures import Client

from keyturn.studio.inbox.store import CapturedMails


def test_the_checks_of_a_mail_with_an_image_elsewhere_name_it(client: Client, captured: CapturedMails) -> None:
    message = EmailMessage()
    message.set_content("Hello")
    message.add_alternative('<p>Hello</p><img src="https://pictures.example/lamp.png" alt="A lamp">', subtype="html")
    mail_id = captured.add(bytes(message))

    page = client.get(f"/studio/inbox/{mail_id}?tab=checks")
    assert page.status_code == 200
    assert "lamp.png" in page.text
    assert "not measured" in page.text
