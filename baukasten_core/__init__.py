"""Baukasten: a plugin-based framework for AI showcases that keep personal data where it belongs."""

__version__ = "0.1.0"
