"""Every hosted page there is, in each of its states, as a visitor comes by it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
from tests.driver.visitor import Visitor, form_token
from tests.pages.school import School

from keyturn.service.accounts.port import Account

FORGOT = "/forgot-password"


async def every_page(visitor: Visitor, school: School, ada: Account) -> AsyncIterator[httpx2.Response]:
    """Lead a visitor through all of them; the language is what the visitor asks for."""
    yield await visitor.get(FORGOT)
    yield await visitor.submit(FORGOT, email="ada@")
    await visitor.submit(FORGOT, email=ada.email)
    yield await visitor.get(FORGOT)
    yield await visitor.get("/reset-password")
    for ttl in (timedelta(minutes=30), timedelta(0)):
        await visitor.get(f"/reset-password/{await school.link(ada, ttl)}")
        yield await visitor.get("/reset-password")
    await visitor.get("/reset-password/x")
    yield await visitor.get("/reset-password")
    secure = "/secure-your-account"
    await visitor.get(f"{secure}/{await school.secure_token(ada)}")
    yield await visitor.get(secure)
    yield await visitor.follow(await visitor.submit(secure))
    await visitor.get(f"{secure}/x")
    yield await visitor.get(secure)
    token = await school.link(ada)
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
    yield await visitor.client.post("/login", data={"email": ada.email})
    yield await visitor.client.post("/login", content=b"\xff", headers={"content-type": "application/json"})
    yield await visitor.client.post("/login", data={"email": "x" * 20_000, "_csrf_token": "x"})
