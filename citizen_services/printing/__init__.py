"""Printing: papers as PDF, with the Chinese font embedded, the same bytes each time that the same paper is printed."""
