"""Every hosted page there is, in each of its states, as a visitor comes by it."""

from collections.abc import AsyncIterator

import httpx2
from tests.driver.inbox import token_in
from tests.driver.service import Service
from tests.driver.visitor import Visitor, form_token

from keyturn.service.accounts.port import Account

FORGOT = "/forgot-password"


async def every_page(visitor: Visitor, school: Service, ada: Account) -> AsyncIterator[httpx2.Response]:
    """Lead a visitor through all of them; the language is what the visitor asks for."""
    yield await visitor.get(FORGOT)
    yield await visitor.submit(FORGOT, email="ada@")
    await visitor.submit(FORGOT, email=ada.email)
    yield await visitor.get(FORGOT)
    yield await visitor.get("/reset-password")
    await visitor.get(f"/reset-password/{await school.link(ada.email)}")
    for minutes in (0, 31):
        school.let_time_pass(minutes=minutes)
        yield await visitor.get("/reset-password")
    await visitor.get("/reset-password/x")
    yield await visitor.get("/reset-password")
    token = await school.link(ada.email)
    await visitor.get(f"/reset-password/{token}")
    yield await visitor.submit("/reset-password", password="Northwind School", again="other")
    yield await visitor.submit("/reset-password", password="ÄÖ" * 40, again="ÄÖ" * 40)
    form = form_token(await visitor.get("/reset-password"))
    fields = {"_csrf_token": form, "password": "eleven loud lighthouses", "again": "eleven loud lighthouses"}
    yield await visitor.follow(await visitor.client.post("/reset-password", data=fields))
    await visitor.get(f"/reset-password/{token}")
    yield await visitor.get("/reset-password")
    yield await visitor.submit("/login", email=ada.email, password="wrong")
    await visitor.submit("/login", email=ada.email, password="eleven loud lighthouses")
    settings = "/viewer-settings/security"
    yield await visitor.get(settings)
    await visitor.submit(settings)
    yield await visitor.get(settings)
    await school.deliver()
    secure = "/secure-your-account"
    await visitor.get(f"{secure}/{token_in(school.inbox.sent_to(ada.email, 'password_changed')[-1])}")
    yield await visitor.get(secure)
    yield await visitor.follow(await visitor.submit(secure))
    await visitor.get(f"{secure}/x")
    yield await visitor.get(secure)
    yield await visitor.client.post("/login", data={"email": ada.email})
    yield await visitor.client.post("/login", content=b"\xff", headers={"content-type": "application/json"})
    yield await visitor.client.post("/login", data={"email": "x" * 20_000, "_csrf_token": "x"})
