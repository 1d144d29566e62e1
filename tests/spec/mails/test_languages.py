"""The language of an answer and of a mail: the account's, then the browser's, then English."""

import httpx2
import pytest
from tests.driver.service import (
    ADA,
    CHANGE,
    LOGIN,
    LOGOUT,
    PASSWORD,
    POLICY,
    REQUEST,
    RESET,
    Service,
)

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.long]

ASKED, NEW = {"email": ADA}, {"token": "x" * 43, "newPassword": PASSWORD}


def language_of(answer: httpx2.Response) -> str:
    """Return the language that an answer says it is in; a cache must know that it depends on the
    request's.
    """
    assert "accept-language" in answer.headers["vary"].lower()
    language: str = answer.headers["content-language"]
    return language


@pytest.mark.parametrize(
    ("path", "body", "accepted", "language", "said"),
    [
        (
            REQUEST,
            ASKED,
            "de-AT",
            "de",
            "Wenn es zu dieser Adresse ein Konto gibt, ist ein Link unterwegs.",
        ),
        *(
            (
                REQUEST,
                ASKED,
                accepted,
                "en",
                "If an account exists for that address, a link is on its way.",
            )
            for accepted in ("", "*", "tlh", "nonsense;;q", "en-GB")
        ),
        (POLICY, None, "es", "es", "al menos 12 caracteres"),
        (RESET, NEW, "fr", "fr", "Ce lien n’est pas valable. Veuillez en demander un nouveau."),
        (
            LOGIN,
            {"email": ADA, "password": "wrong"},
            "fr",
            "fr",
            "Adresse e\u2011mail ou mot de passe incorrect",
        ),
        (
            CHANGE,
            {"currentPassword": "x", "newPassword": "y"},
            "fr",
            "fr",
            "Aucune session ouverte",
        ),
        (LOGOUT, {}, "ja", "ja", "サインアウトしました。"),
    ],
)
async def test_an_answer_is_in_the_language_that_is_asked_for_and_says_so(
    service: Service,
    path: str,
    body: dict[str, str] | None,
    accepted: str,
    language: str,
    said: str,
) -> None:
    method = "GET" if body is None else "POST"
    answer = await service.anywhere().request(
        method, path, json=body, headers={"accept-language": accepted}
    )
    told = answer.json()
    assert said in (
        *map(told.get, ("message", "title", "detail")),
        told.get("rules", [{}])[0].get("message"),
    )
    assert language_of(answer) == language


async def test_broken_rules_are_told_in_the_reader_s_language_and_mistakes_in_english(
    service: Service,
) -> None:
    mistaken = await service.anywhere().post(
        REQUEST, json={"mail": ADA}, headers={"accept-language": "de"}
    )
    assert mistaken.json()["title"] == "The request is not valid"
    assert "content-language" not in mistaken.headers
    token = await service.link()
    weak = {"token": token, "newPassword": "kurz"}
    answers = {
        tag: await service.anywhere().post(RESET, json=weak, headers={"accept-language": tag})
        for tag in ("en", "de", "ar", "ja")
    }
    problems = {tag: answer.json() for tag, answer in answers.items()}
    assert [language_of(answer) for answer in answers.values()] == list(answers)
    assert {tag: problem["violations"][0]["message"] for tag, problem in problems.items()} == {
        "en": "at least 12 characters",
        "de": "mindestens 12 Zeichen",
        "ar": "12 حرفًا على الأقل",
        "ja": "12文字以上",
    }
    assert problems["de"]["title"] == "Dieses Passwort ist nicht möglich"
    assert len({problem["type"] for problem in problems.values()}) == 1
    assert len({problem["violations"][0]["rule"] for problem in problems.values()}) == 1


@pytest.mark.parametrize(
    ("locale", "accepted", "subject"),
    [
        ("de", "fr", "Ihr Passwort für Northwind School zurücksetzen"),
        ("de_CH", "", "Ihr Passwort für Northwind School zurücksetzen"),
        ("", "fr, en;q=0.5", "Réinitialisez votre mot de passe Northwind School"),
        ("tlh", "es", "Restablezca su contraseña de Northwind School"),
        ("", "", "Reset your Northwind School password"),
    ],
)
async def test_a_mail_is_in_the_account_s_language(
    service: Service, locale: str, accepted: str, subject: str
) -> None:
    await service.add("lin@northwind.test", name="Lin", locale=locale)
    asked = {"email": "lin@northwind.test"}
    await service.anywhere().post(REQUEST, json=asked, headers={"accept-language": accepted})
    await service.deliver()
    (mail,) = service.inbox.mails
    assert mail.subject == subject
