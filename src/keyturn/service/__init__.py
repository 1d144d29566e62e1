"""The password reset: an app over HTTP, its worker, and everything that they decide."""
