"""The pages: the handlers of the studio, and the data of each page.

Each module names its handlers in `HANDLERS`, and `app.studio_routers` collects them. `Layout` renders the templates of
the folder preview/ with the parts that every page shares. A link opens the reader's editor; the server never starts
one.
"""
