"""The port through which a mail is sent, and what stands behind it."""
