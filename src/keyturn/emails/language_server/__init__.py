"""The language server: findings, quick fixes, completion, hover and definitions, for any editor that speaks LSP 3.17.

pygls speaks the protocol. The findings are those of `keyturn check` on the unsaved text, made by the renderers within
the limits of a mail. While an author types, only the written samples are rendered; on opening and saving, all branches
are. A file that several mails share is checked in the first few of them, since an editor should answer at once.

`cursor` says what is being written at a place, from the text alone: a template that is being typed has no tree.
"""

from keyturn.emails.language_server.server import create_language_server

__all__ = ["create_language_server"]
