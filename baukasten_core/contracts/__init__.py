"""What providers and showcases implement: Protocols and small picklable dataclasses.

One module a contract. A hook (see `baukasten_core.hookspecs`) only registers an
implementation; everything it does is said here.
"""
