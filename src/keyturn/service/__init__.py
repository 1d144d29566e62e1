"""The password reset service: its HTTP application, its worker, and the rules of both."""
