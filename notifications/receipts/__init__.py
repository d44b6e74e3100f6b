"""Receipts: what partners report, stored as it came, then settled."""
