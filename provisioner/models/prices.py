"""Price books: immutable versions, their rows, and which one is in force."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class PriceBookVersion(models.Model):
    """The prices of one region as they were read at one time. Never changed but for `is_active`.

    An estimate names the version by its `digest`. `sources` lists the files: offer, version, published, sha256, name.
    `effective_first` and `effective_last` are the earliest and the latest date of a row.
    """

    region = models.CharField(max_length=32)
    number = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, default="USD")
    digest = models.CharField(max_length=64)
    # "shipped": the file that comes with Drawbridge (or DRAWBRIDGE_PRICES_DIR); "imported": from price lists.
    kind = models.CharField(max_length=16)
    source = models.CharField(max_length=500)
    sources = models.JSONField(default=list)
    imported_at = models.DateTimeField()
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    row_count = models.PositiveIntegerField()
    effective_first = models.CharField(max_length=16, blank=True)
    effective_last = models.CharField(max_length=16, blank=True)
    is_active = models.BooleanField(default=False)

    class Meta:
        ordering = ["region", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["region", "number"], name="price_book_number"),
            models.UniqueConstraint(fields=["region", "digest"], name="price_book_digest"),
            models.UniqueConstraint(
                fields=["region"], condition=Q(is_active=True), name="price_book_one_active"
            ),
            models.CheckConstraint(condition=Q(currency="USD"), name="price_book_in_usd"),
            models.CheckConstraint(
                condition=Q(kind__in=["shipped", "imported"]), name="price_book_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.region} version {self.number}"


class PriceRow(models.Model):
    """One price of a version. `tiers` is a list of {"from", "to", "price_usd"}, decimal strings; empty: one price."""

    version = models.ForeignKey(PriceBookVersion, on_delete=models.CASCADE, related_name="rows")
    service = models.CharField(max_length=64)
    sku_key = models.CharField(max_length=200)
    unit = models.CharField(max_length=64)
    price_usd = models.DecimalField(max_digits=24, decimal_places=12)
    effective_date = models.CharField(max_length=16)
    source = models.CharField(max_length=300)
    offer_sku = models.CharField(max_length=64, blank=True)
    tiers = models.JSONField(default=list)

    class Meta:
        ordering = ["version", "service", "sku_key"]
        constraints = [
            models.UniqueConstraint(fields=["version", "service", "sku_key"], name="price_row_key"),
            models.CheckConstraint(condition=Q(price_usd__gte=0), name="price_row_not_negative"),
        ]
        # The history of one key over all versions.
        indexes = [models.Index(fields=["service", "sku_key"], name="price_row_history")]

    def __str__(self) -> str:
        return f"{self.service} {self.sku_key}"


class PriceBookActivation(models.Model):
    """One version that was put in force, in place of which, by whom and why; appended, never changed."""

    version = models.ForeignKey(PriceBookVersion, on_delete=models.PROTECT, related_name="activations")
    replaced = models.ForeignKey(
        PriceBookVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version} at {self.at}"

    @property
    def is_rollback(self) -> bool:
        """Whether it went back to an earlier version."""
        return self.replaced is not None and self.replaced.number > self.version.number
