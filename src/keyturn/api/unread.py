"""Requests that nobody could read are counted, as those that were read are."""

from litestar import Request
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Message, Middleware, Receive, Scope, Send

from keyturn.api.problems import MEDIA_TYPE, NO_STORE, UNREAD, document_of
from keyturn.api.requests import ResetApi, accepted_language, client_of
from keyturn.errors import KeyturnError


def count_unread(api: ResetApi) -> Middleware:
    """Return what counts a request whose body was no JSON, or not of the shape that was asked for, by its answer.

    Where the limit is used up, that is the answer.
    """

    def middleware(app: ASGIApp) -> ASGIApp:
        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            is_replaced = False

            async def answer(message: Message) -> None:
                nonlocal is_replaced
                if message["type"] == "http.response.start" and scope["state"].get(UNREAD):
                    request = Request[object, object, object](scope)  # type: ignore[type-var]
                    try:
                        await api.requests.count_malformed(client_of(request))
                    except KeyturnError as error:
                        is_replaced = True
                        document = document_of(error, accepted_language(api.languages, request))
                        headers = {**NO_STORE, **document.headers}
                        await ASGIResponse(
                            body=document.body(), status_code=document.status, media_type=MEDIA_TYPE, headers=headers
                        )(scope, receive, send)
                if not is_replaced:
                    await send(message)

            await app(scope, receive, answer)

        return counted

    return middleware
