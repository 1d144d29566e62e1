"""Twilio as it answers, on this machine (https://www.twilio.com/docs/messaging/api/message-resource)."""

import base64
import json
from collections import deque
from typing import Any
from urllib.parse import parse_qs

from tests.servers.serving import send_answer

ACCOUNT, PASSWORD = "AC" + "0" * 32, "an Auth Token"


class TwilioServer:
    """`messages` are those that were taken. `coming` are the answers to the next requests: a status, and a code."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []
        self.coming: deque[tuple[int, int]] = deque()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, document = self._answer(scope, headers.get("authorization", ""), body)
        await send_answer(send, status, json.dumps(document).encode(), {"content-type": "application/json"})

    def _answer(self, scope: Any, authorization: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if (scope["method"], scope["path"]) != ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"):
            return 404, {"code": 20404, "message": "The requested resource was not found", "status": 404}
        if authorization != "Basic " + base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode():
            return 401, {"code": 20003, "message": "Authenticate", "status": 401}
        if self.coming:
            status, code = self.coming.popleft()
            return status, {"code": code, "message": "", "status": status}
        self.messages.append({name: value for name, (value,) in parse_qs(body.decode()).items()})
        return 201, {"sid": f"SM{len(self.messages):032}", "status": "queued", "error_code": None}
