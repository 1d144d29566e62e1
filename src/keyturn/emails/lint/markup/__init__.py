"""MJML and HTML as trees with offsets."""
