"""Tests: stories first, then the rules, then what must not happen."""
