"""Asking the hosts of a mail's images for what they weigh."""

import asyncio
from pathlib import Path

from litestar import post
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.status_codes import HTTP_303_SEE_OTHER

from keyturn.emails.studio.access.hosts import is_loopback
from keyturn.emails.studio.checks.image_weights import ImageWeights
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.mail.canvas import Canvas
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.studio import Studio
from keyturn.emails.studio.view import View


@post("/weights/{name:path}")
async def weigh_images(
    name: FromPath[Path],
    view: NamedDependency[View],
    canvas: NamedDependency[Canvas],
    weights: NamedDependency[ImageWeights],
    studio: NamedDependency[Studio],
    layout: NamedDependency[Layout],
) -> Redirect:
    """Weigh what can be asked for, and go back to the mail.

    Only where the studio is seen on this machine alone: others could have it ask whom only this machine can reach
    (OWASP Server-Side Request Forgery Prevention Cheat Sheet).
    """
    if not is_loopback(studio.host):
        raise PermissionDeniedException("Hosts of images are asked from this machine alone.")
    template = name_in_path(name)
    images = await asyncio.to_thread(lambda: canvas.images(canvas.rendition(template, view)))
    await weights.ask(image.address for image in images)
    there = layout.url("templates", template, view=view.to(tab="checks"))
    return Redirect(there, status_code=HTTP_303_SEE_OTHER)


HANDLERS = (weigh_images,)
