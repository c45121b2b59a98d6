"""PrivateGPT, a showcase for Baukasten: answers from your documents, with checked citations."""

__version__ = "0.1.0"
