"""The addresses of the API."""

from tests.driver.service import (
    CHANGE,
    INVITE,
    LOGIN,
    LOGOUT,
    ME,
    POLICY,
    REPLACE,
    REQUEST,
    RESET,
    SECURE,
    VALIDATE,
    VERIFY,
)

__all__ = ["CHANGE", "INVITE", "LOGIN", "LOGOUT", "ME", "POLICY"]
__all__ += ["REPLACE", "REQUEST", "RESET", "SECURE", "VALIDATE", "VERIFY"]
