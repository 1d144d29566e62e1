"""A mail, how it is rendered, and who sends it."""
