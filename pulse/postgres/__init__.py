"""Django's PostgreSQL backend, which also knows the embedded server."""
