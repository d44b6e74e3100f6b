"""What only the database can know of a register's entry: by constraint, the field that was given and its sentence."""

from __future__ import annotations

from collections.abc import Mapping

TAKEN: Mapping[str, tuple[str, str]] = {
    "uq_residence_permit_card_lookup": ("card_number", "这个证件号码已经用在另一张居住证上，请核对卡面号码。"),
}
