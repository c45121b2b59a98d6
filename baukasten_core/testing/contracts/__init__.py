"""One suite for each contract: subclass it, give one fixture, get the whole test."""
