"""The seal of a document: the hash of its text, and a mark under the installation's own key over all that it says.

Whoever alters the text, the title, the number or the date in the database can't make the mark that fits. The province's
electronic seals (电子印章) are another system's; docs/security.md says where it joins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from citizen_services.cases.disposal import TEXT_REMOVED, disposal_of
from citizen_services.cases.models import Document
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people.queries import office
from citizen_services.printing.paper import Paper, Part
from citizen_services.rules.dates import chinese_date, local_date
from citizen_services.security import equal, keyring

#: How much of the hash is printed as the short check code, hexadecimal digits.
CHECK_DIGITS = 16
_START = b"document\0"


def digest_of(content: Mapping[str, Any]) -> bytes:
    """SHA-256 of a content's canonical JSON, 32 bytes."""
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()


def mark_of(*, number: str, kind: str, title: str, sha256: bytes, issued_by: str, at: datetime) -> bytes:
    """The mark over a document under this installation's key, 32 bytes."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    return keyring().audit_mark(_START, [number, kind, title, bytes(sha256).hex(), issued_by, moment])


def unchanged(document: Document) -> bool:
    """Whether a document is, letter by letter, the one that was issued."""
    mark = mark_of(
        number=document.number,
        kind=document.kind,
        title=document.title,
        sha256=bytes(document.sha256),
        issued_by=document.issued_by,
        at=document.at,
    )
    return equal(mark, bytes(document.mark)) and (
        equal(digest_of(document.content), bytes(document.sha256)) or text_removed(document)
    )


def text_removed(document: Document) -> bool:
    """Whether a document's text is gone because its file's time is over: that it was issued stays proved."""
    return bool(document.content == {"paragraphs": [TEXT_REMOVED]}) and disposal_of(document.case_id) is not None


def check_code(document: Document) -> str:
    """The short check code that is printed on it."""
    return bytes(document.sha256).hex()[:CHECK_DIGITS]


def in_fours(digits: str) -> list[str]:
    """Digits as they are read out on the phone."""
    return [digits[at : at + 4] for at in range(0, len(digits), 4)]


def proved(code: str, *, id: UUID | None = None, number: str = "") -> Document | None:
    """The document of that id or number whose hash begins with the code, sixteen digits or more; None otherwise.

    Who has the paper has both; nobody learns from a wrong code whether the number exists.
    """
    which = Document.id == id if id is not None else Document.number == number
    found = db.session.scalars(select(Document).where(which)).one_or_none()
    if found is None or not CHECK_DIGITS <= len(code) <= 64:
        return None
    return found if equal(bytes(found.sha256).hex()[: len(code)], code) else None


def proof_address(document: Document) -> str:
    """Where anybody who has the paper can see that it is ours: what its QR code holds."""
    base = parts().settings.public_base_url.rstrip("/")
    return f"{base}/h5/verify/{document.id}/{check_code(document)}"


def paper_of(document: Document) -> Paper:
    """A document as it is printed."""
    place = office(document.issued_by)
    bureau = parts().settings.bureau
    return Paper(
        title=document.title,
        under_title=f"编号 {document.number}　{chinese_date(local_date(document.at))}",
        at=document.at,
        parts=(Part(paragraphs=tuple(document.content["paragraphs"])),),
        proof=proof_address(document),
        checks=(
            ("文书编号", document.number),
            ("出具单位", f"{place.name}（{place.address}，{place.phone}）"),
            ("防伪校验码", " ".join(in_fours(check_code(document)))),
            ("完整校验码", " ".join(in_fours(bytes(document.sha256).hex()))),
            (
                "怎么核对",
                "扫码，或在公众号“核对文书”里填写编号和校验码：可以看到我们有没有出具过这份文书；文字是不是原文，请联系出具单位核对。",
            ),
        ),
        foot=f"{bureau}　{document.number}",
        author=bureau,
    )
