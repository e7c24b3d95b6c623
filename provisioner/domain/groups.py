"""Groups that have a part in everybody's workspaces."""

PLATFORM = "platform"
# Groups that see every team's runs because they decide about them.
SEES_ALL = frozenset({"finops", "sre", PLATFORM})
