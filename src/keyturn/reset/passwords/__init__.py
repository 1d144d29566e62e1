"""Which passwords are accepted, and how their hashes are written and read.

**Passwords are kept exactly as typed.** NIST suggests normalising Unicode; the hash is shared with apps that verify
what was typed as it came.

**What is written is what the app's own sign-in reads** (`hashing.format`): bcrypt under the letters that its library
knows, Django's PBKDF2, argon2id, Werkzeug's scrypt, PHP's. All other formats are read, within bounds of memory and
rounds, so that a broken hash cannot hold a thread. passlib and libpass are not needed, since each format is one call.

**Data leaks are asked about last**, of a source that may be away (`breaches.py`), and by nobody's name.

**The holder of a live link or a session goes first** (`reset/bounded_pool.py`): sign-ins are free to try, and must not
take resets down.

**A wrong password takes as long as an unknown account**, also where the stored hash is cheaper than the cost that is
set (`hasher.py`).
"""
