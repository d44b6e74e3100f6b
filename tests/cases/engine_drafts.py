"""Applications as the engine's machine sends them: a draft of each service item, which a number varies."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from citizen_services import clock
from citizen_services.cases import drafts
from citizen_services.cases.models import Draft
from citizen_services.catalogue import BY_HAND
from citizen_services.database import commit, db, new_id
from citizen_services.materials import operations as photos
from citizen_services.materials.models import Upload
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.registers.queries import current_permit, current_registration
from tests import factories as make

ADDRESSES = (
    {"code": "330213001000000001", "text": "奉化区岳林街道金钟路18号", "station": "330213001000"},
    {"code": "330213002000000009", "text": "奉化区锦屏街道南山路26号", "station": "330213002000"},
)
TYPED = {"station": "330213003000", "community": "上宋村", "typed_address": "上宋村12号旁"}


def permit(person: Citizen, variant: int) -> Draft:
    """A draft of a first permit: on the ground of employment, or of a home with its paper."""
    if variant % 2 == 0:
        return make.permit_draft(person)
    data = {name: value for name, value in make.PERMIT_DATA.items() if name != "employment"}
    draft = make.permit_draft(person, data | {"ground": {"ground": "residence"}})
    bring(person.id, draft.id, "residence_proof")
    return draft


def registration(person: Citizen, variant: int) -> Draft:
    """A draft of a registration: at an address that the register confirms, or typed by hand."""
    address = ADDRESSES[variant % 2]
    by_hand = variant % 3 > 0
    answers = {} if by_hand else {"addresses.address": make.answer(person, "addresses", "address", address)}
    db.session.flush()
    draft = drafts.begin(parts().catalogue.item("residence-registration"), person.id, "wechat", answers)
    drafts.refresh_answers(draft, answers)
    code = BY_HAND if by_hand else address["code"]
    draft.data = {"address": {"address_code": code, "room": "2幢301室", "residence_kind": "rented"}}
    if by_hand:
        draft.data = {**draft.data, "by_hand": TYPED | {"station": address["station"]}, "rented": {}}
    commit()
    return draft


def endorsement(person: Citizen, variant: int) -> Draft:
    """A draft of an endorsement whose ground a register shows, or which papers show and an officer judges."""
    if current_permit(person.id) is None:
        make.permit(person, clock.today() - timedelta(days=350))
    item = parts().catalogue.item("residence-permit-endorse")
    answers = {
        "social_insurance.employment": make.employment(person),
        "migrants.history": make.answer(person, "migrants", "history", {"registrations": [], "permits": []}),
    }
    db.session.flush()
    draft = drafts.begin(item, person.id, "wechat", answers)
    drafts.refresh_answers(draft, answers)
    by_register = variant % 3 == 0
    draft.data = {"ground": {"ground": "employment" if by_register else "residence"}}
    if by_register:
        draft.data = {**draft.data, "employment": {"employment_correct": "yes"}}
    commit()
    if not by_register:
        bring(person.id, draft.id, "residence_proof")
    return draft


def replacement(person: Citizen, variant: int) -> Draft:
    """A draft of another card for one that was lost."""
    if current_permit(person.id) is None:
        make.permit(person, clock.today() - timedelta(days=100))
    item = parts().catalogue.item("residence-permit-replace")
    draft = drafts.begin(item, person.id, "wechat", {})
    loss = ("lost", "stolen", "other")[variant % 3]
    draft.data = {
        "loss": {"loss": loss},
        "portrait": {"portrait_correct": "yes"},
        "delivery": make.PERMIT_DATA["delivery"],
    }
    commit()
    return draft


def renewal(person: Citizen, variant: int) -> Draft:
    """A draft of another card for one that is damaged."""
    if current_permit(person.id) is None:
        make.permit(person, clock.today() - timedelta(days=100))
    item = parts().catalogue.item("residence-permit-renew")
    draft = drafts.begin(item, person.id, "wechat", {})
    draft.data = {
        "damage": {"damage": ("unreadable", "broken", "other")[variant % 3]},
        "portrait": {"portrait_correct": "yes"},
        "delivery": make.PERMIT_DATA["delivery"],
    }
    commit()
    return draft


def permit_change(person: Citizen, variant: int) -> Draft:
    """A draft of another workplace that a register or a paper shows, or of another address."""
    if current_permit(person.id) is None:
        make.permit(person, clock.today() - timedelta(days=100), address="奉化区锦屏街道南山路26号")
    item = parts().catalogue.item("residence-permit-change")
    answers = {"social_insurance.employment": make.employment(person)}
    db.session.flush()
    draft = drafts.begin(item, person.id, "wechat", answers)
    drafts.refresh_answers(draft, answers)
    home, ours = current_registration(person.id), current_permit(person.id)
    moved = home is not None and ours is not None and home.address != ours.address
    what = ("work", "address", "both")[variant % 3] if moved else "work"
    by_register = variant % 2 == 0
    draft.data = {"change": {"change": what}}
    if what != "address":
        draft.data = {**draft.data, "employment": {"employment_correct": "yes" if by_register else "no"}}
    commit()
    if what != "address" and not by_register:
        bring(person.id, draft.id, "employment_proof")
    return draft


def bring(person: UUID, gathered_for: UUID, code: str) -> None:
    """A photo of a paper, for a draft or a correction; committed."""
    upload = Upload(
        id=new_id(), citizen_id=person, storage_key=new_id().hex, sha256=bytes(32), thumbnail_sha256=bytes(32),
        width=1, height=1, size=1, at=clock.now(),
    )  # fmt: skip
    db.session.add(upload)
    db.session.flush()
    photos.reuse(person, gathered_for, code, upload.id)
    commit()
