"""TellMeLife: dated entries in, a chapter for each and a book out."""

__version__ = "0.1.0"
