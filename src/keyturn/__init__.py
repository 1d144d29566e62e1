"""Password reset and change by email, beside an app that already has users."""

__version__ = "0.1.0"
