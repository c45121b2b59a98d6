"""One file a command; the CLI imports it when it runs."""
