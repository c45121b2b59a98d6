"""CV Matcher, a showcase for Baukasten: ranks candidates, with evidence from their CVs."""

__version__ = "0.1.0"
