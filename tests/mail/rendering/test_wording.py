"""What each mail says, in both of its parts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.render import EmailProps
from keyturn.reset.mails.email_props import PasswordChanged, PasswordReset, SignInWithProvider

Render = Callable[[EmailProps], Rendered]
Seen = Callable[[Rendered], str]

RESET = PasswordReset(
    name="Ada",
    email="viewer@northwind.example",
    link="https://account.northwind.example/reset-password/kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo",
    expires_at=datetime(2026, 11, 20, 14, 32, tzinfo=UTC),
    lifetime=timedelta(minutes=30),
)
CHANGED = PasswordChanged(
    name="Ada",
    email="viewer@northwind.example",
    changed_at=datetime(2026, 11, 20, 14, 7, tzinfo=UTC),
    address="203.0.113.24",
    device="Firefox on Windows",
    forgot_link="https://account.northwind.example/forgot-password",
    sessions_ended=True,
)
PROVIDER = SignInWithProvider(
    name="Ada",
    email="viewer@northwind.example",
    provider="Google",
    sign_in_link="https://account.northwind.example/login",
)


class TestPasswordReset:
    def test_the_inbox_row_says_what_for_whom_and_until_when(self, render: Render) -> None:
        mail = render(RESET)

        assert mail.subject == "Reset your Northwind School password"
        assert mail.preheader == "The link works until 14:32 UTC. If you didn’t request it, ignore this email."

    def test_it_names_the_person_and_the_account(self, render: Render, seen: Seen) -> None:
        mail = render(RESET)

        for part in (seen(mail).replace("Ada ,", "Ada,"), mail.text.replace("\n", " ")):
            assert "Hello Ada, we received a request to reset your Northwind School password." in part
            assert "Sent to viewer@northwind.example because a new password was requested." in part

    def test_the_life_of_the_link_stands_right_under_it(self, render: Render, seen: Seen) -> None:
        mail = render(RESET)

        assert "Choose a new password The link works once, until 14:32 UTC (30 minutes). Didn’t" in seen(mail)
        assert f"{RESET.link}\n\nThe link works once, until 14:32 UTC (30 minutes).\n" in mail.text

    def test_a_life_of_days_names_the_day(self, render: Render) -> None:
        mail = render(msgspec.structs.replace(RESET, lifetime=timedelta(days=2)))

        assert "The link works once, until 20 November 2026, 14:32 UTC (2 days)." in mail.text
        assert "until 20 November 2026, 14:32 UTC. If" in mail.preheader

    def test_whoever_did_not_ask_learns_that_nothing_happened(self, render: Render, seen: Seen) -> None:
        mail = render(RESET)

        for part in (seen(mail), mail.text.replace("\n", " ")):
            assert "Didn’t request this? Ignore this email and don’t forward it. Your password stays the same" in part

    def test_a_reset_by_an_operator_has_its_own_subject_and_begins_with_the_reason(
        self, render: Render, seen: Seen
    ) -> None:
        mail = render(msgspec.structs.replace(RESET, by_operator=True, reason="Our database was copied."))

        assert mail.subject == "Northwind School: choose a new password"
        assert mail.preheader == "Our database was copied."
        for part in (seen(mail), mail.text.replace("\n", " ")):
            assert "Open the Northwind School website yourself and request a new password there." in part
            assert part.count("asks you to choose a new password") == 1

    def test_a_recovery_has_its_own_subject(self, render: Render) -> None:
        mail = render(msgspec.structs.replace(RESET, recovers=True))

        assert mail.subject == "Northwind School: account secured, choose a new password"


class TestPasswordChanged:
    def test_the_inbox_row_says_when_and_what_to_do(self, render: Render) -> None:
        mail = render(CHANGED)

        assert mail.subject == "Your Northwind School password was changed"
        assert mail.preheader == "Wasn’t you? Choose a new password now. Changed on 20 November 2026, 14:07 UTC."

    def test_it_says_when_from_where_and_with_what(self, render: Render, seen: Seen) -> None:
        mail = render(CHANGED)

        assert "When 20 November 2026, 14:07 UTC IP address 203.0.113.24 Device Firefox on Windows If" in seen(mail)
        assert "When: 20 November 2026, 14:07 UTC\nIP address: 203.0.113.24\nDevice: Firefox on Windows\n" in mail.text

    @pytest.mark.parametrize(("field", "label"), [("address", "IP address"), ("device", "Device")])
    def test_what_is_not_known_is_left_out(self, field: str, label: str, render: Render, seen: Seen) -> None:
        mail = render(msgspec.structs.replace(CHANGED, **{field: ""}))

        assert f" {label} " not in seen(mail)
        assert f"{label}:" not in mail.text

    def test_it_says_what_to_do_if_it_was_somebody_else(self, render: Render, seen: Seen) -> None:
        mail = render(CHANGED)

        for part in (seen(mail), mail.text.replace("\n", " ")):
            assert "If this was you, there’s nothing more to do." in part
            assert "Wasn’t you? Choose a new password now. It replaces the one that was set." in part
            assert "This also signs out all devices." in part
            assert "Need help? Contact support: help@northwind.example" in part

    def test_the_button_is_named_for_the_page_that_it_opens(self, render: Render, seen: Seen) -> None:
        secured = msgspec.structs.replace(
            CHANGED, secure_link="https://account.northwind.example/secure-your-account/x"
        )

        assert " Choose a new password Need help?" in seen(render(CHANGED))
        assert " Secure your account The link works once" in seen(render(secured))

    def test_it_says_that_sessions_ended(self, render: Render, seen: Seen) -> None:
        mail = render(CHANGED)

        for part in (seen(mail), mail.text.replace("\n", " ")):
            assert "password was changed. We signed out all other devices. " in part

    @pytest.mark.parametrize("name", ["Ada", ""])
    def test_where_nobody_ended_the_sessions_of_the_app_it_claims_nothing_of_them(
        self, name: str, render: Render, seen: Seen
    ) -> None:
        mail = render(msgspec.structs.replace(CHANGED, name=name, sessions_ended=False))

        for part in (seen(mail), mail.text.replace("\n", " ")):
            assert "our Northwind School password was changed." in part
            assert "Choose a new password now. It replaces the one that was set." in part
            assert "device" not in part
            assert "sign" not in part

    def test_it_says_why_it_comes(self, render: Render) -> None:
        sent = "Sent to viewer@northwind.example because the password was changed."

        assert sent in render(CHANGED).text.replace("\n", " ")


class TestSignInWithProvider:
    def test_the_inbox_row_names_the_provider(self, render: Render) -> None:
        mail = render(PROVIDER)

        assert mail.subject == "How to sign in to Northwind School"
        assert mail.preheader == "You sign in with Google, so there is no password to reset."

    def test_it_says_how_the_account_signs_in_and_leads_there(self, render: Render, seen: Seen) -> None:
        mail = render(PROVIDER)

        assert "Your account has no password: you sign in with Google. Go to sign-in " in seen(mail)
        assert f"Go to sign-in:\n{PROVIDER.sign_in_link}\n" in mail.text

    def test_nobody_is_told_to_choose_a_password(self, render: Render, seen: Seen) -> None:
        mail = render(PROVIDER)

        for part in (seen(mail), mail.text):
            assert "hoose" not in part
