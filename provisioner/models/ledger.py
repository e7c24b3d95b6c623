"""What things cost: estimates now, imported actuals and budgets later."""

from django.db import models


class RunEstimate(models.Model):
    """The monthly estimate of what a run's plan leaves behind.

    `line_items` and `unpriced` are lists of the fields of domain.cost.LineItem and Unpriced, money as decimal
    strings. `delta_usd_month` is against the workspace's estimate before the run. `estimated_by`: "book", whose version
    has the digest `price_book_digest` (models/prices.py), or infracost with its version and no digest.
    """

    run = models.OneToOneField("provisioner.Run", on_delete=models.CASCADE, related_name="estimate")
    usd_month = models.DecimalField(max_digits=14, decimal_places=2)
    delta_usd_month = models.DecimalField(max_digits=14, decimal_places=2)
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
