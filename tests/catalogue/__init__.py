"""Declarations and the checks that they must pass."""
