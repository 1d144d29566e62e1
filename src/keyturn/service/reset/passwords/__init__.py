"""Rules for new passwords, and the formats of their hashes.

**Passwords are hashed exactly as typed.** NIST suggests normalising Unicode, but Keyturn shares the
hash with apps that verify passwords as typed.

**Keyturn writes hashes that the app's own sign-in reads** (`hashing.format`). It reads many
formats, with limits of memory and rounds, so that a broken hash cannot hold a thread for long.

Declined: passlib and libpass. Each format is one call.
"""
