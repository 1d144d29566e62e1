"""The inbox for any app: mails that were caught over SMTP, or written as captured mails, kept to be looked at.

It is for development: it takes any mail, for anybody, and delivers it to nobody. What comes in is bounded before it is
read, and damaged mails are shown as far as they can be. A link is read and never fetched: a GET on a reset link may
use it up.

Declined: a mail parser other than Python's (`mail-parser`, `flanker`): they wrap it or are not kept. Python's newer
header policy: it parses each header by the whole grammar, and long ones take seconds. An index of every part of a
mail's text (trigrams): 6 KB for each mail, and two milliseconds more at its arrival; see `schema`.
"""
