"""Where the project is."""
