"""The pages: what answers an address of the studio, and what each page needs to know.

Each module names its handlers in `HANDLERS`, and `app.studio_router` puts them together. `Layout` renders the templates
of the folder preview/ with what every page carries. `mail` has the page of a mail, `review` those that look over all of
them. An editor is opened by its address; the server never starts one.
"""
