"""The `baukasten` command: one file a command."""

DEFAULT_URL = "http://127.0.0.1:8000"
"""Where the client commands look for a platform when nobody says otherwise."""
