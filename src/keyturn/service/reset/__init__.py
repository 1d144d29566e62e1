"""The domain, which imports neither Litestar nor pages: a reset has five steps, a file each
(ARCHITECTURE.md); optional steps plug in.

**"It was not me" needs no sign-in, and a mailbox speaks for itself alone**: the button ends no
links of another mailbox, and locks no account that has moved (`records/links.py`, the states in
`docs/security.md`).

**Beside an app, Keyturn's own sign-in is off unless the settings name it**: another way in, past
the app's second factor, must not open by default.
"""
