"""Floor of ``book``: two requests a booking, each one raw UPDATE of a counter and a commit, and nothing else."""

import os

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["FLOOR_DATABASE_URL"]
db = SQLAlchemy(app)

with app.app_context():
    db.session.execute(text("CREATE TABLE IF NOT EXISTS place (id int PRIMARY KEY, held int, booked int)"))
    db.session.execute(text("INSERT INTO place SELECT i, 0, 0 FROM generate_series(0, 999) i ON CONFLICT DO NOTHING"))
    db.session.commit()

HOLD = text("UPDATE place SET held = held + 1 WHERE id = :id")
BOOK = text("UPDATE place SET held = held - 1, booked = booked + 1 WHERE id = :id")


@app.post("/hold/<int:place>")
def hold(place: int) -> tuple[dict[str, int], int]:
    """Keep a place."""
    db.session.execute(HOLD, {"id": place})
    db.session.commit()
    return {"place": place}, 201


@app.post("/book/<int:place>")
def book(place: int) -> tuple[dict[str, int], int]:
    """Book it."""
    db.session.execute(BOOK, {"id": place})
    db.session.commit()
    return {"place": place}, 201
