"""Solves ALTCHA's puzzle as a browser does."""

import base64
import json
from typing import Any

import altcha
import httpx2


def solved(found: dict[str, Any]) -> dict[str, Any]:
    """Return the widget's answer before base64."""
    challenge = altcha.Challenge.from_dict(found)
    solution = altcha.solve_challenge(challenge)
    assert solution
    return altcha.Payload(challenge, solution).to_dict()


def written(payload: Any) -> str:
    return base64.b64encode(json.dumps(payload).encode()).decode()


async def post_answering(
    client: httpx2.AsyncClient, path: str, body: dict[str, Any], **options: Any
) -> httpx2.Response:
    """Send a request. If the response sets a puzzle, send it again with the answer."""
    answer = await client.post(path, json=body, **options)
    if answer.status_code != httpx2.codes.FORBIDDEN or "challenge" not in answer.json():
        return answer
    puzzle = (await client.get(f"{path.rpartition('/')[0]}/challenge")).json()
    return await client.post(path, json=body | {"challenge": written(solved(puzzle))}, **options)
