"""Whatever is chosen as a password is refused and nothing is changed, or is the password exactly as it was typed."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.driver.service import NEW_PASSWORD, PASSWORD, RESET, Service, problem

# Few examples, since each is hashed several times.
ONE_SERVICE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)

_PIECES = [
    "aB7",
    " ",
    "\t",
    "\x00",
    "e\u0301",
    "é",
    "\u212b",
    "ß",
    "\u1e9e",
    "\u200b",
    "\u202e",
    "\ufb01",
    "\U0001f600",
    "\U0001f468\u200d\U0001f469",
    "correct horse ",
    "\n",
    '"',
    "\\",
    "&amp;",
    "%41",
    "$2b$12$",
]
typed = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=10, max_size=30),
    st.lists(st.sampled_from(_PIECES), min_size=6, max_size=40).map("".join),
    st.integers(68, 76).map(lambda length: ("quiet harbours seven " * 4)[:length]),
)


def variations(password: str) -> set[str]:
    """Return variants that a careless comparison takes for the same password."""
    near = {password.strip(), password.swapcase(), password[:-1], password + " ", password.partition("\x00")[0]}
    near |= {unicodedata.normalize(form, password) for form in ("NFC", "NFD", "NFKC")}
    return {text for text in near if text and text != password}


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@ONE_SERVICE
@given(password=typed)
@pytest.mark.long
async def test_what_is_accepted_signs_in_and_nothing_like_it_does(generous: Service, password: str) -> None:
    email = f"{len(generous.inbox.mails)}@northwind.test"
    await generous.add(email)
    token = await generous.link(email)

    answer = await generous.anywhere().post(RESET, json={"token": token, "newPassword": password})

    if problem(answer) == "200":
        assert await generous.knows(password, email)
        assert not await generous.knows(PASSWORD, email)
        for other in variations(password):
            assert not await generous.knows(other, email)
    else:
        assert problem(answer) == "422 password-rejected"
        assert answer.json()["violations"]
        assert await generous.knows(PASSWORD, email)
        assert problem(await generous.reset(token, NEW_PASSWORD)) == "200"
