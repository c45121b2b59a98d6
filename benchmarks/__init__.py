"""Benchmarks: one scenario a file. Speed is measured here and never in a test."""
