"""The floor: secrets, changes, idempotency."""
