"""Tables of the catalog: the organisation that owns things and the items that may be ordered."""

from catalog.models.item import CatalogItem, CatalogItemVersion, Lifecycle, Maturity
from catalog.models.organisation import CostCenter, Criticality, Environment, Service, TargetAccount, Team

__all__ = [
    "CatalogItem",
    "CatalogItemVersion",
    "CostCenter",
    "Criticality",
    "Environment",
    "Lifecycle",
    "Maturity",
    "Service",
    "TargetAccount",
    "Team",
]
