"""What a new price book changes: rows, and what open workspaces would cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from provisioner.domain.price_import import BookRow

_HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Change:
    """One key in two books; `before` or `after` is None where a book does not have it."""

    before: BookRow | None
    after: BookRow | None

    @property
    def row(self) -> BookRow:
        """The newer row, or the older one where the newer book has none."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def percent(self) -> Decimal | None:
        """By how much the price rises (below 0: falls), or None where that cannot be said."""
        if self.before is None or self.after is None or not self.before.price_usd:
            return None
        if self.before.unit != self.after.unit:
            return None
        return (self.after.price_usd / self.before.price_usd - 1) * _HUNDRED

    @property
    def percent_text(self) -> str:
        """`percent` with its sign; empty where it cannot be said."""
        return "" if self.percent is None else f"{self.percent:+.1f} %"


@dataclass(frozen=True)
class BookDiff:
    """What is between two books: prices that changed (the largest change first), new rows, removed rows."""

    changed: tuple[Change, ...]
    added: tuple[Change, ...]
    removed: tuple[Change, ...]
    same: int

    @property
    def is_empty(self) -> bool:
        """Whether no price is another one."""
        return not (self.changed or self.added or self.removed)


def diff(before: Iterable[BookRow], after: Iterable[BookRow]) -> BookDiff:
    """Compare two books by price and unit; that another source says the same is no change of price."""
    old = {row.key: row for row in before}
    new = {row.key: row for row in after}
    both = old.keys() & new.keys()
    changed = [
        Change(old[key], new[key])
        for key in both
        if (old[key].price_usd, old[key].unit) != (new[key].price_usd, new[key].unit)
    ]
    return BookDiff(
        changed=tuple(sorted(changed, key=_largest_first)),
        added=tuple(Change(None, new[key]) for key in sorted(new.keys() - old.keys())),
        removed=tuple(Change(old[key], None) for key in sorted(old.keys() - new.keys())),
        same=len(both) - len(changed),
    )


def merged(
    kept: Iterable[BookRow], read: Sequence[BookRow], *, replaced_services: frozenset[str], keep_missing: bool
) -> tuple[BookRow, ...]:
    """Put what was read into a book: its rows replace those of the same key, and the rest of the services that were
    read completely goes unless `keep_missing`; rows of other services stay, each with its own source and date.
    """
    rows = {row.key: row for row in kept if keep_missing or row.service not in replaced_services}
    rows |= {row.key: row for row in read}
    return tuple(rows[key] for key in sorted(rows))


@dataclass(frozen=True)
class Effect:
    """What one workspace costs a month at both books."""

    workspace: str
    before_usd_month: Decimal
    after_usd_month: Decimal

    @property
    def delta_usd_month(self) -> Decimal:
        """What is added to its bill."""
        return self.after_usd_month - self.before_usd_month


@dataclass(frozen=True)
class Impact:
    """What a book does to the estimates of open workspaces. `unknown`: those that have no plan to estimate anew."""

    effects: tuple[Effect, ...]
    unknown: int

    @property
    def changed(self) -> tuple[Effect, ...]:
        """The workspaces whose estimate changes, the largest change first."""
        moved = [effect for effect in self.effects if effect.delta_usd_month]
        return tuple(sorted(moved, key=lambda effect: (-abs(effect.delta_usd_month), effect.workspace)))

    @property
    def before_usd_month(self) -> Decimal:
        """What all of them cost now."""
        return sum((effect.before_usd_month for effect in self.effects), Decimal(0))

    @property
    def after_usd_month(self) -> Decimal:
        """What all of them would cost."""
        return sum((effect.after_usd_month for effect in self.effects), Decimal(0))

    @property
    def percent(self) -> Decimal | None:
        """The change of the sum over all of them, or None where they cost nothing now."""
        if not self.before_usd_month:
            return None
        return (self.after_usd_month / self.before_usd_month - 1) * _HUNDRED

    @property
    def sentence(self) -> str:
        """Say it in one sentence."""
        if not self.effects:
            return "No open workspace has an estimate that this book could change."
        if not self.changed:
            return f"This book changes the estimate of none of {len(self.effects)} open workspaces."
        delta = self.after_usd_month - self.before_usd_month
        percent = "" if self.percent is None else f" ({self.percent:+.1f} %)"
        return (
            f"This book changes the estimates of {len(self.changed)} of {len(self.effects)} open workspaces, "
            f"by {delta:+.2f} USD a month together{percent}."
        )


def _largest_first(change: Change) -> tuple[bool, Decimal, tuple[str, str]]:
    # A price that cannot be compared (another unit, free before) comes first: somebody has to look at it.
    percent = change.percent
    return (percent is not None, -abs(percent or Decimal(0)), change.row.key)
