"""Cases and the engine."""
