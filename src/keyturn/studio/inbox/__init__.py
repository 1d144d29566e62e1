"""The inbox for any app: mails caught over SMTP or written as captured mails, kept to be read.

The inbox is for development: it accepts any mail for any address, and delivers none. Input is bounded before it is
read, and damaged mails are shown as far as possible. Links are read and never fetched: a GET on a reset link may use it
up.

Declined: a mail parser other than Python's (`mail-parser`, `flanker`): they wrap it, or are no longer maintained.
Python's newer header policy: it parses each header by the whole grammar, and long ones take seconds. An index of every
part of a mail's text (trigrams): 6 KB for each mail, and two milliseconds more at its arrival.
"""
