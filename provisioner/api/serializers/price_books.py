"""Documents of price books."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from provisioner.domain.price_import import plain


@extend_schema_field(OpenApiTypes.STR)
class PriceField(serializers.Field):  # type: ignore[type-arg]
    """USD for one unit as a decimal string, with as many decimals as it has."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: Decimal) -> str:
        return plain(value)


class PriceListSerializer(serializers.Serializer[Any]):
    """A price list that a version was read from."""

    name = serializers.CharField(read_only=True)
    offer = serializers.CharField(read_only=True)
    version = serializers.CharField(read_only=True)
    published = serializers.CharField(read_only=True)
    sha256 = serializers.CharField(read_only=True)
    rows = serializers.IntegerField(read_only=True)


class PriceBookSerializer(serializers.Serializer[Any]):
    """One version of a region's price book; it never changes but for `active`."""

    id = serializers.IntegerField(read_only=True)
    region = serializers.CharField(read_only=True)
    number = serializers.IntegerField(read_only=True)
    currency = serializers.CharField(read_only=True)
    digest = serializers.CharField(read_only=True, help_text="What an estimate names it by.")
    kind = serializers.ChoiceField(choices=["shipped", "imported"], read_only=True)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]
    sources = PriceListSerializer(many=True, read_only=True)
    imported_at = serializers.DateTimeField(read_only=True)
    imported_by = serializers.CharField(
        source="imported_by.username", read_only=True, default=None, allow_null=True
    )
    row_count = serializers.IntegerField(read_only=True)
    effective_first = serializers.CharField(
        read_only=True, help_text="The earliest date of a row; may be empty."
    )
    effective_last = serializers.CharField(read_only=True)
    active = serializers.BooleanField(source="is_active", read_only=True)


class TierSerializer(serializers.Serializer[Any]):
    """The price of a range of use, in the unit of the price list."""

    to = serializers.CharField(read_only=True, help_text='A decimal string, or "Inf".')
    price_usd = serializers.CharField(read_only=True)

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.CharField(read_only=True), **super().get_fields()}


class PriceRowSerializer(serializers.Serializer[Any]):
    """One price."""

    service = serializers.CharField(read_only=True)
    sku_key = serializers.CharField(read_only=True)
    unit = serializers.CharField(read_only=True)
    price_usd = PriceField()
    effective_date = serializers.CharField(read_only=True)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]
    offer_sku = serializers.CharField(read_only=True, help_text="The SKU of AWS's price list; may be empty.")
    tiers = TierSerializer(many=True, read_only=True)
