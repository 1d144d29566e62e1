"""Values for templates that nobody has written samples for."""
