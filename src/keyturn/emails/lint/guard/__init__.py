"""MJML guard: what the compiler lets pass in silence, or refuses without saying where."""
