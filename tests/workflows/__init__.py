"""What is particular to one service."""
