"""Rules for new passwords, and the formats of their hashes.

**Passwords are kept exactly as typed.** NIST suggests normalising Unicode, but Keyturn shares the hash with apps that
verify passwords exactly as typed.

**Keyturn writes hashes that the app's own sign-in reads** (`hashing.format`): bcrypt with the prefix that the app's
library knows, Django's PBKDF2, argon2id, Werkzeug's scrypt, PHP's. It reads all the other formats, within limits of
memory and rounds, so that a broken hash cannot hold a thread. passlib and libpass are not needed, since each format is
one call.

**The check for data leaks comes last**, because its source may be down (`breaches.py`). It never names the user.

**The holder of a live link or a session goes first** (`reset/bounded_pool.py`): strangers can try to sign in, and a
flood of tries must not block resets.

**A wrong password takes as long as an unknown account**, even if the stored hash is cheaper than the cost in the
settings (`hasher.py`).
"""
