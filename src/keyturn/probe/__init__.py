"""Plays the known attacks against a password reset, over HTTP and SMTP, in any language: `keyturn
probe`.

It sends requests to one origin, the one that its user named (`browser.py`), and receives mails
through the studio's inbox. A story (request, mail, link, page, new password, sign-in) serves many
attacks, so that a run needs about twelve mails for a mailbox, and twenty more to find its limit. An
attack is a row of `attacks.toml` and a function of `attacks/`. It fails only if an answer, a mail
or a sign-in proves it.
"""
