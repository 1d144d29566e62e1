"""The app is told over HTTP what has happened, signed as Standard Webhooks says."""
