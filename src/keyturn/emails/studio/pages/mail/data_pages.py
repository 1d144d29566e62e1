"""What the form of the data sends: an edit, which then stands in the address, and a sample to save."""

from pathlib import Path
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.status_codes import HTTP_303_SEE_OTHER

from keyturn.emails.studio.data.form_reading import SubmittedForm
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.mail.data_tab import DataTab
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.view import View


@get("/edit/{name:path}", sync_to_thread=False)
def edit(
    request: Request[Any, Any, Any],
    name: FromPath[Path],
    view: NamedDependency[View],
    data_tab: NamedDependency[DataTab],
    layout: NamedDependency[Layout],
) -> Redirect:
    """Make an edit of the fields that a form sent, and go to the page that shows it."""
    template = name_in_path(name)
    edited = data_tab.view_with_edit(template, view, SubmittedForm(request.query_params.multi_items()))
    return Redirect(layout.url("templates", template, view=edited), status_code=HTTP_303_SEE_OTHER)


@post("/templates/{name:path}", status_code=HTTP_303_SEE_OTHER)
async def save(
    request: Request[Any, Any, Any],
    name: FromPath[Path],
    view: NamedDependency[View],
    data_tab: NamedDependency[DataTab],
    layout: NamedDependency[Layout],
) -> Redirect:
    """Write the data that a form sent as a sample, and go to it; or back, to what is in the way."""
    template = name_in_path(name)
    sent = SubmittedForm((await request.form()).multi_items())
    there = data_tab.save(template, data_tab.view_with_edit(template, view.to(save=""), sent), sent)
    return Redirect(layout.url("templates", template, view=there), status_code=HTTP_303_SEE_OTHER)


HANDLERS = (edit, save)
