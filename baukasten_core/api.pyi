"""The public names and where they live; `api.py` imports each when it is first used."""
