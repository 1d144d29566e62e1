"""Django's own engine, in the project's own Python: its settings, apps, tags, filters, loaders and translations run.

Django has no sandbox, so whoever names the settings trusts the project. Nothing of Django is replaced but, while a
template is rendered, the two methods through which nodes are rendered (`tracing`), and what a `{% mjml %}` block does:
it leaves its MJML as it is, for Keyturn's compiler, since packages hand it to a command or to a server elsewhere.
"""

from keyturn.emails.engines.django.opening import open_project

__all__ = ["open_project"]
