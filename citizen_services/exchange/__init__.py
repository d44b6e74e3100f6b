"""Exchange: clients of the systems outside, and what they answered."""
