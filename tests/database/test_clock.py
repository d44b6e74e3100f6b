"""Business time that is moved for a whole installation."""

from __future__ import annotations

import pytest
from flask import Flask

from citizen_services.database import db
from citizen_services.database.installation import FURTHEST_S, TooFar, move_clock, read_clock_shift


def test_business_time_is_not_moved_beyond_what_dates_can_hold(app: Flask, database: None) -> None:
    move_clock(3600)
    with pytest.raises(TooFar):
        move_clock(FURTHEST_S)
    db.session.rollback()
    assert read_clock_shift(db.engine) == 3600
