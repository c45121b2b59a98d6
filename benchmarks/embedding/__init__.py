"""Embedding: in process and over HTTP, beside its peers and the machine's ceiling, in one run."""
