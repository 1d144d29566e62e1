"""Tags of the app, and those of a package for MJML."""
