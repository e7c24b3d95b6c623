"""Strict input and the fields that several nouns share."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from provisioner.api.view import target
from provisioner.domain.cost_change import CostStatus

SLUG_MAX_LENGTH = 63
NAMES_SHOWN = 20


class StrictSerializer(serializers.Serializer[Any]):
    """Input: unknown fields are refused by name, so that a typo never silently changes what is ordered."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields or self.fields[name].read_only]
            if unknown:
                takes = ", ".join(name for name, field in self.fields.items() if not field.read_only)
                raise ValidationError(
                    {
                        str(name)[:60]: [
                            ErrorDetail(f"There is no such field. This takes: {takes}.", "unknown")
                        ]
                        for name in unknown[:NAMES_SHOWN]
                    }
                )
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """Text as it was sent: no number taken for text, nothing trimmed."""

    default_error_messages = {"not_text": "Give text, in quotes."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("not_text")
        return str(super().to_internal_value(data))


class WholeNumberField(serializers.IntegerField):
    """A JSON integer; "3" and true are not."""

    default_error_messages = {"not_integer": "Give a whole number, without quotes."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("not_integer")
        return int(super().to_internal_value(data))


class ParametersField(serializers.DictField):
    """Parameters by name; what each may be is the catalog item's business."""

    child = serializers.JSONField()

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        return dict(data)


@extend_schema_field(OpenApiTypes.STR)
class TargetField(serializers.Field):  # type: ignore[type-arg]
    """`target`: the cloud behind this portal, "sandbox" or "aws"."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="*", read_only=True, **kwargs)

    def to_representation(self, value: Any) -> str:
        return target()


class UsdField(serializers.DecimalField):
    """USD as a decimal string in cents; null where nobody knows yet."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("read_only", True)
        super().__init__(max_digits=14, decimal_places=2, **kwargs)


class RefSerializer(serializers.Serializer[Any]):
    """A thing of the organisation or the catalog, by slug and name."""

    slug = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)


class FindingSerializer(serializers.Serializer[Any]):
    """A guardrail's objection."""

    rule = serializers.CharField(read_only=True)
    level = serializers.ChoiceField(choices=["advisory", "soft-mandatory", "hard-mandatory"], read_only=True)
    where = serializers.CharField(read_only=True, help_text="Parameter name or resource address.")
    what = serializers.CharField(read_only=True)
    why = serializers.CharField(read_only=True)
    fix = serializers.CharField(read_only=True)
    suggested = serializers.JSONField(read_only=True, allow_null=True, help_text="The nearest allowed value.")
    override_group = serializers.CharField(read_only=True, allow_null=True)


COST_STATUS_CHOICES = [(status.value, status.value) for status in CostStatus]


class LineItemSerializer(serializers.Serializer[Any]):
    """One priced component of the monthly estimate."""

    address = serializers.CharField(read_only=True)
    type = serializers.CharField(read_only=True)
    component = serializers.CharField(read_only=True)
    service = serializers.CharField(read_only=True)
    sku_key = serializers.CharField(read_only=True)
    quantity = serializers.CharField(read_only=True)
    unit = serializers.CharField(read_only=True)
    unit_price_usd = serializers.CharField(read_only=True)
    usd_month = serializers.CharField(read_only=True)
    basis = serializers.CharField(read_only=True, help_text="How the quantity came about.")
    effective_date = serializers.CharField(
        read_only=True, help_text="Since when the price holds, as its source says."
    )
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]
    usage_based = serializers.BooleanField(
        read_only=True, help_text="Paid by use, as the usage profile expects it."
    )
    profile = serializers.CharField(read_only=True, help_text="The usage profile; empty unless paid by use.")
    status = serializers.ChoiceField(
        choices=COST_STATUS_CHOICES,
        read_only=True,
        help_text="Against what exists now. A removed line item has quantity and amount 0.",
    )
    delta_usd_month = serializers.CharField(read_only=True)
    explanation = serializers.CharField(
        read_only=True, help_text="The calculation and the price's row, in words."
    )


class CostOfResourceSerializer(serializers.Serializer[Any]):
    """What one resource costs a month before and after."""

    address = serializers.CharField(read_only=True)
    type = serializers.CharField(read_only=True)
    status = serializers.ChoiceField(choices=COST_STATUS_CHOICES, read_only=True)
    before_usd_month = serializers.CharField(read_only=True)
    after_usd_month = serializers.CharField(read_only=True)
    delta_usd_month = serializers.CharField(read_only=True)


class CoverageSerializer(serializers.Serializer[Any]):
    """How many resources the estimate covers, each in one class."""

    priced = serializers.IntegerField(read_only=True, help_text="With a price that is due whatever is used.")
    usage = serializers.IntegerField(read_only=True, help_text="Paid by use alone.")
    unpriced = serializers.IntegerField(read_only=True, help_text="With a part that has no price.")
    free = serializers.IntegerField(read_only=True)
    share_percent = serializers.IntegerField(read_only=True, help_text="Of those without unpriced parts.")


class UnpricedSerializer(serializers.Serializer[Any]):
    """A component without a price: named, never counted as 0."""

    address = serializers.CharField(read_only=True)
    type = serializers.CharField(read_only=True)
    component = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    usage_based = serializers.BooleanField(read_only=True)


class WholeNumberTextField(serializers.IntegerField):
    """A whole number in a query: digits alone, so that " 1", "1.0" and other scripts' digits are refused."""

    default_error_messages = {"not_integer": "Give a whole number."}

    def to_internal_value(self, data: Any) -> int:
        text = str(data)
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            self.fail("not_integer")
        return int(super().to_internal_value(text))
