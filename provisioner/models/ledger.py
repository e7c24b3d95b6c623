"""What things cost: estimates now, imported actuals and budgets later."""

from django.db import models


class RunEstimate(models.Model):
    """The monthly estimate of what a run's plan leaves behind.

    `line_items` and `unpriced` are lists of the fields of domain.cost.LineItem and Unpriced, money as decimal
    strings; a line item also has its `status`, `delta_usd_month` and `explanation`. `usd_month` is the total, of
    which `usage_usd_month` is what the usage profile expects. `delta_usd_month` is against the workspace's estimate
    before the run; `change_usd_month` is against what existed when it was planned, by the same prices, and `changes`
    has that by resource (domain.cost_change.ResourceCost). `coverage` counts resources (domain.cost.Coverage). The
    last three are empty for runs that are older than they. `estimated_by`: "book",
    whose version has the digest `price_book_digest` (models/prices.py), or infracost with its version and no digest.
    """

    run = models.OneToOneField("provisioner.Run", on_delete=models.CASCADE, related_name="estimate")
    usd_month = models.DecimalField(max_digits=14, decimal_places=2)
    delta_usd_month = models.DecimalField(max_digits=14, decimal_places=2)
    usage_usd_month = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    change_usd_month = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    changes = models.JSONField(default=list)
    coverage = models.JSONField(default=dict)
    line_items = models.JSONField(default=list)
    unpriced = models.JSONField(default=list)
    price_book_digest = models.CharField(max_length=64, blank=True)
    estimated_by = models.CharField(max_length=64, default="book")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(usd_month__gte=0), name="estimate_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.usd_month} USD/month"
