"""Rules for new passwords, and the formats of their hashes.

**Passwords are kept exactly as typed.** NIST suggests normalising Unicode, but Keyturn shares the
hash with apps that verify passwords as typed.

**Keyturn writes hashes that the app's own sign-in reads** (`hashing.format`), and reads many
formats, within limits of memory and rounds, so that a broken hash cannot hold a thread. passlib and
libpass are not needed: each format is one call.
"""
