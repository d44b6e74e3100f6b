"""Benchmarks: how much of a bare door's speed is left when everything is on (docs/performance.md)."""
