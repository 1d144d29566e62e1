"""Styles: read, matched, and what they make of an element."""
