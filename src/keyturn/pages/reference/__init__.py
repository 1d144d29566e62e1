"""The API's reference at /schema: each route with curl, and a form to try it."""
