"""Floor of ``stampede``: one guarded UPDATE of one counter and a commit a person, and one more for whoever got in."""

import os

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["FLOOR_DATABASE_URL"]
db = SQLAlchemy(app)

with app.app_context():
    db.session.execute(text("CREATE TABLE IF NOT EXISTS slots (id int PRIMARY KEY, held int, booked int)"))
    db.session.execute(text("INSERT INTO slots SELECT i, 0, 0 FROM generate_series(0, 999) i ON CONFLICT DO NOTHING"))
    db.session.commit()

HOLD = text("UPDATE slots SET held = held + 1 WHERE id = :id AND held < :places RETURNING held")
BOOK = text("UPDATE slots SET booked = booked + 1 WHERE id = :id")


@app.post("/hold/<int:slot>/<int:places>")
def hold(slot: int, places: int) -> tuple[dict[str, int | None], int]:
    """Keep a place, while there is one."""
    held = db.session.execute(HOLD, {"id": slot, "places": places}).scalar()
    db.session.commit()
    return {"held": held}, 201 if held is not None else 409


@app.post("/book/<int:slot>")
def book(slot: int) -> tuple[dict[str, int], int]:
    """Book it."""
    db.session.execute(BOOK, {"id": slot})
    db.session.commit()
    return {"slot": slot}, 201
