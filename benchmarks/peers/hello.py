"""The floor of a request: Litestar on the same server parses an address and answers."""

import sys
from pathlib import Path

import msgspec
from litestar import Litestar, post
from litestar.params import JSONBody

from benchmarks.load.messages import Request
from benchmarks.peers import email_of, write_requests
from keyturn.cli.running import serve
from keyturn.cli.sockets import address_of, listen
from keyturn.service.event_loop import run

PATH = "/api/auth/request-password-reset"


class RequestBody(msgspec.Struct):
    email: str


@post(PATH, status_code=202)
async def hello(data: JSONBody[RequestBody]) -> dict[str, bool]:
    return {"success": bool(data.email)}


def main(folder: Path, count: int) -> None:
    body = msgspec.json.encode({"email": email_of(0)}).decode()
    asked = [Request(path=PATH, body=body)] * min(count, 100)
    write_requests(folder, known=asked, unknown=asked, validate=asked)
    bound = listen("127.0.0.1", 0)
    app = Litestar([hello], openapi_config=None, logging_config=None)
    run(serve(app, [bound], lambda: print(f"http://{address_of(bound)}", flush=True)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[3]))
