"""The platform: runs service items for every door alike, and knows none of them by name."""
