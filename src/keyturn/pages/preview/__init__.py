"""The hosted pages without a service behind them, each in every state: for who designs them, and checked at the start.

A state is a template with the values that its page is given. The studio shows them through the interface that it has
itself (`emails/studio/hosted_pages.py`), so neither half knows the other; `cli` puts them together.
"""

from keyturn.pages.preview.hosted_pages import HostedPages
from keyturn.pages.preview.own_templates import require_drawable

__all__ = ["HostedPages", "require_drawable"]
