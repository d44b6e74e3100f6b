"""Fen as people read them."""

from __future__ import annotations


def yuan(fen: int) -> str:
    """``20元``, ``0.50元``: no digits after the point where there are none to say."""
    whole, rest = divmod(fen, 100)
    return f"{whole}元" if rest == 0 else f"{whole}.{rest:02d}元"
