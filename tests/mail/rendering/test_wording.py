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
        assert mail.preheader == "The link works until 14:32 UTC. If you did not request it, ignore this email."

    def test_it_names_the_person_and_the_account(self, render: Render, seen: Seen) -> None:
        mail = render(RESET)

        for part in (seen(mail).replace("Ada ,", "Ada,"), mail.text.replace("\n", " ")):
            assert "Hello Ada, we received a request for a new password for your Northwind School account." in part
            assert "Sent to viewer@northwind.example because somebody requested a new password." in part

    def test_the_life_of_the_link_stands_right_under_it(self, render: Render, seen: Seen) -> None:
        mail = render(RESET)

        assert "Choose a new password The link works once, until 14:32 UTC (30 minutes). Did you" in seen(mail)
        assert f"{RESET.link}\n\nThe link works once, until 14:32 UTC (30 minutes).\n" in mail.text

    def test_a_life_of_days_names_the_day(self, render: Render) -> None:
        mail = render(msgspec.structs.replace(RESET, lifetime=timedelta(days=2)))

        assert "The link works once, until 20 November 2026, 14:32 UTC (2 days)." in mail.text
        assert "until 20 November 2026, 14:32 UTC. If" in mail.preheader

    def test_whoever_did_not_ask_learns_that_nothing_happened(self, render: Render, seen: Seen) -> None:
        mail = render(RESET)

        for part in (seen(mail), mail.text.replace("\n", " ")):
            assert "Did you not request this? Then ignore this email and do not forward it: your password stays" in part


class TestPasswordChanged:
    def test_the_inbox_row_says_when_and_what_to_do(self, render: Render) -> None:
        mail = render(CHANGED)

        assert mail.subject == "Your Northwind School password was changed"
        assert mail.preheader == "On 20 November 2026, 14:07 UTC. If it was not you, choose a new password now."

    def test_it_says_when_from_where_and_with_what(self, render: Render, seen: Seen) -> None:
        mail = render(CHANGED)

        assert "When 20 November 2026, 14:07 UTC From 203.0.113.24 With Firefox on Windows If" in seen(mail)
        assert "When: 20 November 2026, 14:07 UTC\nFrom: 203.0.113.24\nWith: Firefox on Windows\n" in mail.text

    @pytest.mark.parametrize(("field", "label"), [("address", "From"), ("device", "With")])
    def test_what_is_not_known_is_left_out(self, field: str, label: str, render: Render, seen: Seen) -> None:
        mail = render(msgspec.structs.replace(CHANGED, **{field: ""}))

        assert f" {label} " not in seen(mail)
        assert f"{label}:" not in mail.text

    def test_it_says_what_to_do_if_it_was_somebody_else(self, render: Render, seen: Seen) -> None:
        mail = render(CHANGED)

        for part in (seen(mail), mail.text.replace("\n", " ")):
            assert "If it was you, all is done." in part
            assert "Was it not you? Choose a new password now: that ends every session, theirs too." in part
            assert "Then contact support immediately: help@northwind.example" in part

    def test_it_says_that_sessions_ended(self, render: Render, seen: Seen) -> None:
        mail = render(CHANGED)

        for part in (seen(mail), mail.text.replace("\n", " ")):
            assert "account was changed. All other sessions were signed out. " in part

    @pytest.mark.parametrize("name", ["Ada", ""])
    def test_where_nobody_ended_the_sessions_of_the_app_it_claims_nothing_of_them(
        self, name: str, render: Render, seen: Seen
    ) -> None:
        mail = render(msgspec.structs.replace(CHANGED, name=name, sessions_ended=False))

        for part in (seen(mail), mail.text.replace("\n", " ")):
            assert "the password of your Northwind School account was changed." in part
            assert "Choose a new password now: then the one that was set no longer works." in part
            assert "session" not in part
            assert "signed out" not in part

    def test_it_says_why_it_comes(self, render: Render) -> None:
        sent = "Sent to viewer@northwind.example because the password was changed."

        assert sent in render(CHANGED).text.replace("\n", " ")


class TestSignInWithProvider:
    def test_the_inbox_row_names_the_provider(self, render: Render) -> None:
        mail = render(PROVIDER)

        assert mail.subject == "How you sign in to Northwind School"
        assert mail.preheader == "Your account signs in with Google and has no password to reset."

    def test_it_says_how_the_account_signs_in_and_leads_there(self, render: Render, seen: Seen) -> None:
        mail = render(PROVIDER)

        assert "That account has no password: it signs in with Google. Go to sign-in " in seen(mail)
        assert f"Go to sign-in:\n{PROVIDER.sign_in_link}\n" in mail.text

    def test_nobody_is_told_to_choose_a_password(self, render: Render, seen: Seen) -> None:
        mail = render(PROVIDER)

        for part in (seen(mail), mail.text):
            assert "hoose" not in part
