"""The floors: each file is the least program that does a benchmark's work at all, with none of the guarantees."""
