"""Languages: offered where there are several, chosen by the person, then the account, then the
browser.
"""

import pytest
from tests.driver.service import ADA, Service
from tests.driver.visitor import Visitor, heading, words
from tests.spec.pages.school import OpenSchool, visiting

pytestmark = pytest.mark.long

FORGOT = "/forgot-password"


async def test_with_one_language_there_is_nothing_to_choose(open_school: OpenSchool) -> None:
    page = await visiting(await open_school(languages=("en",))).get(FORGOT)
    assert '<html lang="en" dir="ltr">' in page.text
    assert "hreflang" not in page.text


@pytest.mark.parametrize(
    ("accepted", "tag", "direction", "said"),
    [
        ("en", "en", "ltr", "Forgot your password?"),
        ("de-CH, en;q=0.5", "de", "ltr", "Passwort vergessen?"),
        ("ar", "ar", "rtl", "هل نسيت كلمة المرور؟"),
        ("pt-BR", "pt-BR", "ltr", "Esqueceu sua senha?"),
    ],
)
async def test_the_browser_s_language_is_spoken_and_the_others_are_offered_by_their_own_names(
    accepted: str, tag: str, direction: str, said: str, visitor: Visitor
) -> None:
    page = await visitor.get(FORGOT, **{"accept-language": accepted})
    assert f'<html lang="{tag}" dir="{direction}">' in page.text
    assert heading(page) == said
    assert (page.headers["content-language"], page.headers["vary"]) == (
        tag,
        "Accept-Language, Cookie",
    )
    assert (
        f'href="?lang={tag}" lang="{tag}" hreflang="{tag}" aria-current="true" autofocus>'
        in page.text
    )
    for name in ("Deutsch", "English", "العربية"):
        assert name in words(page)


async def test_a_language_that_was_chosen_stays_and_an_unknown_one_is_not_kept(
    visitor: Visitor,
) -> None:
    for tag in ("xx", "../../etc", "", "de%0d%0aSet-Cookie:a=b"):
        assert heading(await visitor.get(f"{FORGOT}?lang={tag}")) == "Forgot your password?"
        assert "keyturn_language" not in visitor.client.cookies
    for tag, said in (("de", "Passwort vergessen?"), ("pt-BR", "Esqueceu sua senha?")):
        assert heading(await visitor.get(f"{FORGOT}?lang={tag}")) == said
        assert heading(await visitor.get(FORGOT, **{"accept-language": "ar"})) == said
    page = await visitor.get("/login?next=%2Fa%3Fb%3D%22%26c&lang=ar")
    assert 'href="?next=%2Fa%3Fb%3D%22%26c&amp;lang=de"' in page.text, (
        "what else the address says is kept"
    )
    page = await visitor.sign_in(password="wrong", next="/a")
    assert 'href="/login?next=%2Fa&amp;lang=de"' in page.text, "what the form says, too"
    page = await visitor.submit("/login", "/login/code")
    assert 'href="/login?lang=de"' in page.text, "GET has no page at the path of the answer"
    assert (
        'href="?lang=de"'
        in (await visitor.client.post("/nowhere", headers={"accept": "text/html"})).text
    )


async def test_the_account_s_language_is_spoken_once_a_link_or_a_session_says_who_it_is(
    visitor: Visitor, school: Service
) -> None:
    await school.add(ADA, kind="viewer", locale="de")
    await visitor.get(f"/reset-password/{await school.link()}")
    assert '<html lang="de"' in (await visitor.get("/reset-password")).text
    answer = await visitor.submit("/reset-password", password="x", again="x")
    assert '<html lang="de"' in answer.text
    await visitor.sign_in(ADA)
    page = await visitor.get("/viewer-settings/security", **{"accept-language": "en"})
    assert heading(page) == "Sicherheitseinstellungen"
    assert '<html lang="ar"' in (await visitor.get("/reset-password?lang=ar")).text
