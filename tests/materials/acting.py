"""What people do with photos, as doors do it for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Flask

from citizen_services import clock
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.materials import operations
from citizen_services.materials.models import Upload
from citizen_services.people.models import Citizen
from tests.materials import pictures as make


def take(person: Citizen, draft_id: UUID, code: str = "lease", side: int = 640, **more: Any) -> Upload:
    """Bring a photo, as a door does; committed."""
    operations.admit(person.id)
    commit()
    upload = operations.take(person.id, draft_id, code, make.jpeg(side, 480), **more)
    commit()
    return upload


def hand_in(draft_id: UUID, case_id: UUID, replace: tuple[str, ...] = ()) -> None:
    """Send the application, or the answer to a correction; committed."""
    change = Change(clock.now())
    operations.attach(change, draft_id, case_id, replace)
    change.write()
    commit()


def at_once(app: Flask, *acts: Callable[[], object]) -> list[object]:
    """Do each in a thread and a transaction of its own, committed; what each returned or raised."""
    results: list[object] = [None] * len(acts)
    together = threading.Barrier(len(acts))

    def do(number: int) -> None:
        with app.app_context():
            together.wait(10)
            try:
                results[number] = acts[number]()
                commit()
            except Exception as fault:
                rollback()
                results[number] = fault

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
