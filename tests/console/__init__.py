"""The staff's door, over HTTP."""
