"""The JSON API: what it takes, which part does it, what it answers."""
