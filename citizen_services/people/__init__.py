"""People: citizens and how they are bound, staff with roles, standing and office, sessions, consents, looks."""
