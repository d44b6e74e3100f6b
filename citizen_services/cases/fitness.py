"""Whether this version may serve this database at all."""

from __future__ import annotations

from sqlalchemy import select

from citizen_services.cases.models import Case
from citizen_services.catalogue import Catalogue
from citizen_services.database import db
from citizen_services.database.installation import UnfitDatabase, held_demo_data
from citizen_services.settings import Settings


def refuse_unfit(settings: Settings, catalogue: Catalogue) -> None:
    """Raise UnfitDatabase for demo data in production.

    And for open cases of a declaration that this version doesn't know.
    """
    if settings.production and held_demo_data():
        raise UnfitDatabase("this database once held demo data; production needs one of its own")
    open_kinds = db.session.execute(select(Case.item, Case.item_version).where(Case.ended_at.is_(None)).distinct())
    unknown = sorted({(item, version) for item, version in open_kinds} - catalogue.versions())
    db.session.rollback()
    if unknown:
        named = ", ".join(f"{item} version {version}" for item, version in unknown)
        raise UnfitDatabase(f"open cases rest on declarations that this version doesn't have: {named}")
