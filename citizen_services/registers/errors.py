"""What only the database can know of a register's entry: by constraint, the field that was given and its sentence."""

from __future__ import annotations

from collections.abc import Mapping

#: No field where nothing was given that could be given otherwise.
TAKEN: Mapping[str, tuple[str | None, str]] = {
    "uq_residence_permit_card_lookup": ("card_number", "这个证件号码已经用在另一张居住证上，请核对卡面号码。"),
    "uq_residence_permit_current": (None, "申请人已有本区签发的有效居住证，不能再批准一张，请核实后作出决定。"),
}
