"""The floor that everything is stored on.

One session, one way to write an act (Change), types for what must be encrypted.
"""

from citizen_services.database.base import Base, commit, db, violated_constraint
from citizen_services.database.change import Change, Conflict, Statement
from citizen_services.database.types import Secret, SecretJSON, new_id, timestamp

__all__ = [
    "Base",
    "Change",
    "Conflict",
    "Secret",
    "SecretJSON",
    "Statement",
    "commit",
    "db",
    "new_id",
    "timestamp",
    "violated_constraint",
]
