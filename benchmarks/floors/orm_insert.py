"""Floor of ``submit``: a bare Flask-SQLAlchemy route that stores a form as one row by the ORM, and redirects."""

import os
from datetime import UTC, datetime
from uuid import uuid4

from flask import Flask, redirect, request
from flask_sqlalchemy import SQLAlchemy
from werkzeug import Response

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["FLOOR_DATABASE_URL"]
db = SQLAlchemy(app)


class Application(db.Model):  # type: ignore[name-defined]
    """An application as it was sent."""

    id = db.Column(db.Uuid, primary_key=True, default=uuid4)
    draft = db.Column(db.Text, nullable=False)
    form = db.Column(db.JSON, nullable=False)
    at = db.Column(db.DateTime(timezone=True), nullable=False)


with app.app_context():
    db.create_all()


@app.post("/h5/drafts/<draft>")
def submit(draft: str) -> Response:
    """Store the form."""
    row = Application(draft=draft, form=request.form.to_dict(), at=datetime.now(UTC))
    db.session.add(row)
    db.session.commit()
    return redirect(f"/h5/cases/{row.id}", 303)
