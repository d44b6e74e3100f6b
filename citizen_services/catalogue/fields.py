"""Form fields with Chinese messages. Label, hint, autocomplete and sensitivity stand in ``metadata``.

Pages and API read them there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import ValidationError, fields, validate

from citizen_services import clock
from citizen_services.rules.credit_code import parse_credit_code
from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import parse_identity
from citizen_services.rules.names import normalise_name
from citizen_services.rules.phones import parse_mobile
from citizen_services.rules.text import normalise_text


def _metadata(label: str, hint: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "hint": hint, **more}


def _required(sentence: str, *also: str) -> dict[str, str | list[Any] | dict[Any, Any]]:
    return dict.fromkeys(("required", "null", *also), sentence)


class TextField(fields.String):
    """Text of a person: normalised, without control characters, at most ``most`` characters.

    On one line unless ``lines``.
    """

    kind = "text"

    def __init__(
        self,
        label: str,
        *,
        hint: str = "",
        most: int = 60,
        lines: bool = False,
        required: bool = True,
        missing: str = "",
        **more: Any,
    ) -> None:
        sentence = missing or f"请填写{label}"
        self.most, self.lines = most, lines
        super().__init__(
            required=required,
            error_messages=_required(sentence, "invalid"),
            validate=[validate.Length(min=1 if required else 0, max=most, error=f"{label}不能为空，最多 {most} 个字")],
            metadata=_metadata(label, hint, kind="textarea" if lines else self.kind, maxlength=most, **more),
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        value = super()._deserialize(value, attr, data, **kwargs)
        try:
            # The upper bound has its own sentence (validate); this one only keeps a hostile length out.
            return normalise_text(value, limit=max(self.most * 4, 1000), newlines=self.lines)
        except RuleError as fault:
            raise ValidationError(fault.sentence) from fault


class NameField(TextField):
    """A person's name: any script, no rule on its length but an upper bound."""

    kind = "text"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        value = super()._deserialize(value, attr, data, **kwargs)
        try:
            return normalise_name(value)
        except RuleError as fault:
            raise ValidationError(fault.sentence) from fault


class IdNumberField(fields.String):
    """An identity number of a living person, eighteen characters after normalising.

    ``sentence`` is what is said where it is missing.
    """

    def __init__(self, sentence: str = "请填写公民身份号码（身份证上的18位号码）。") -> None:
        super().__init__(required=True, error_messages={"required": sentence, "null": sentence})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return parse_identity(super()._deserialize(value, attr, data, **kwargs), clock.today()).number
        except RuleError as fault:
            raise ValidationError(fault.sentence) from fault


class CreditCodeField(fields.String):
    """A unified social credit code; one whose check character fails may be genuine, and the register knows."""

    def __init__(self) -> None:
        sentence = "请填写统一社会信用代码（营业执照上的18位）。"
        super().__init__(required=True, error_messages={"required": sentence, "null": sentence})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return parse_credit_code(super()._deserialize(value, attr, data, **kwargs)).code
        except RuleError as fault:
            raise ValidationError(fault.sentence) from fault


class PhoneField(fields.String):
    """A mainland mobile number, eleven digits after normalising."""

    def __init__(self, label: str = "手机号码", *, hint: str = "", required: bool = True, **more: Any) -> None:
        super().__init__(
            required=required,
            error_messages=_required(f"请填写{label}"),
            metadata=_metadata(
                label, hint, kind="phone", autocomplete="tel", inputmode="numeric", sensitive=True, **more
            ),
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return parse_mobile(super()._deserialize(value, attr, data, **kwargs))
        except RuleError as fault:
            raise ValidationError(fault.sentence) from fault


class ChoiceField(fields.String):
    """One of some values: ``choices`` are (value, label) or (value, label, hint)."""

    def __init__(
        self,
        label: str,
        choices: Sequence[tuple[str, str] | tuple[str, str, str]],
        *,
        hint: str = "",
        required: bool = True,
        missing: str = "",
    ) -> None:
        sentence = missing or f"请选择{label}"
        values = [choice[0] for choice in choices]
        super().__init__(
            required=required,
            error_messages=_required(sentence, "invalid"),
            validate=[validate.OneOf(values, error=sentence)],
            metadata=_metadata(label, hint, kind="radio", choices=[tuple(choice) for choice in choices]),
        )


class ConfirmField(ChoiceField):
    """What a register says, to be confirmed: ``yes``, or ``no`` where the person says that it is wrong."""

    def __init__(self, label: str, *, yes: str = "信息无误", no: str = "信息有误", hint: str = "") -> None:
        super().__init__(label, (("yes", yes), ("no", no)), hint=hint, missing="请核对后选择“信息无误”或“信息有误”")


class DateField(fields.Date):
    """A day, ISO form."""

    def __init__(self, label: str, *, hint: str = "", required: bool = True) -> None:
        sentence = f"请填写{label}，例如 2026-05-23"
        super().__init__(
            required=required,
            error_messages=_required(sentence, "invalid"),
            metadata=_metadata(label, hint, kind="date"),
        )


#: The value of an AddressField where no standard address is chosen: what stands in other fields is declared instead.
BY_HAND = "typed"


class AddressField(fields.String):
    """A standard address, by its code: chosen from the standard-address register.

    ``by_hand`` is the choice (label, hint) offered beside what was found, for whom the register doesn't know where they
    live (``BY_HAND``); without it only a standard address is taken.
    """

    def __init__(self, label: str, *, hint: str = "", by_hand: tuple[str, str] | None = None) -> None:
        sentence = f"请搜索并选择{label}"
        super().__init__(
            required=True,
            error_messages=_required(sentence, "invalid"),
            validate=[validate.Length(min=1, max=64, error=sentence)],
            metadata=_metadata(label, hint, kind="address", by_hand=by_hand),
        )


class StationField(fields.String):
    """A police station of the district, by its office's code: the stations are offered by the streets they serve."""

    def __init__(self, label: str, *, hint: str = "", required: bool = True) -> None:
        sentence = f"请选择{label}"
        super().__init__(
            required=required,
            error_messages=_required(sentence, "invalid"),
            validate=[validate.Length(min=1, max=32, error=sentence)],
            metadata=_metadata(label, hint, kind="station"),
        )
