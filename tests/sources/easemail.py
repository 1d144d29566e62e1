"""What is asked of Supabase, and of a colour."""

import json

import httpx2

ADA = "ada@easemail.test"
KEY = "your_service_role_key"


async def can_sign_in(supabase_url: str, password: str, email: str = ADA) -> bool:
    async with httpx2.AsyncClient(base_url=supabase_url, headers={"apikey": KEY}) as client:
        body = {"email": email, "password": password}
        answer = await client.post("/auth/v1/token?grant_type=password", content=json.dumps(body))
    return answer.status_code == 200


def is_grey(colour: str) -> bool:
    """Tell whether a colour's parts are nearly the same, as in #4b5563."""
    parts = bytes.fromhex(colour.removeprefix("#"))
    return max(parts) - min(parts) < 32
