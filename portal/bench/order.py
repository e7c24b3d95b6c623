"""One order at a time, from its POST to applied, in turns with bare Terraform."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from portal.bench import bare, orders
from portal.bench.orders import Portal
from portal.bench.tell import Verdict, say, spread, table

AIM = 1.10
# The time of these is so small that they are told together.
_PASSING = ("POST to recorded", "pending", "planned", "confirmed")


@dataclass
class Pairs:
    """What was measured of one module."""

    portal: list[Mapping[str, float]] = field(default_factory=list)
    bare: list[Mapping[str, float]] = field(default_factory=list)

    def ratios(self) -> list[float]:
        return [sum(a.values()) / sum(b.values()) for a, b in zip(self.portal, self.bare, strict=True)]

    def ratio(self, *without: str) -> float:
        """Return the ratio of the medians; `without` are steps of bare Terraform that are not counted."""
        counted = [sum(s for step, s in row.items() if step not in without) for row in self.bare]
        return statistics.median(sum(row.values()) for row in self.portal) / statistics.median(counted)


def measure(portal: Portal, item: str, pairs: int) -> Verdict:
    """Measure `pairs` orders of an item and as many bare Terraforms, and print what came of it."""
    say(f"\norder: {item}, {pairs} pairs in turns, after one that warms both sides up")
    _order(portal, item)
    _bare(portal, item)
    found = Pairs()
    for number in range(pairs):
        # A B, B A: what a machine does to the second of two, it does to each side as often.
        for side in ("portal", "bare")[:: 1 if number % 2 == 0 else -1]:
            if side == "portal":
                found.portal.append(_order(portal, item))
            else:
                found.bare.append(_bare(portal, item))
    _tell(found)
    return Verdict(f"order, {item}: POST to applied / bare Terraform", found.ratio(), AIM)


def _order(portal: Portal, item: str) -> Mapping[str, float]:
    posted = portal.post(item)
    return orders.stays(posted, portal.wait_applied(posted))


def _bare(portal: Portal, item: str) -> Mapping[str, float]:
    folder = portal.folder / "bare" / portal.new_name()
    seat = portal.take_seat(item, folder)
    took_s = portal.bare.times_s(seat, folder)
    bare.leave_seat(seat)
    return took_s


def _tell(found: Pairs) -> None:
    def row(what: str, stays: Iterable[str], step: str, steps: Iterable[str]) -> list[str]:
        return [what, _median(found.portal, stays), "", step, _median(found.bare, steps)]

    table(
        ["portal", "median s", "", "bare Terraform", "median s"],
        [
            row("waiting for a worker, twice", ["plan queued", "apply queued"], "init", ["init"]),
            row("planning, rules, estimate", ["planning"], "plan", ["plan"]),
            row("applying, record", ["applying"], "show", ["show"]),
            row("everything else", _PASSING, "apply", ["apply"]),
            row("together", found.portal[0], "together", bare.STEPS),
        ],
    )
    say(f"  ratio pair by pair {spread(found.ratios())}")
    say(
        f"  ratio to a Terraform that is initialised already {found.ratio('init'):.3f}; "
        f"and that need not show its plan {found.ratio('init', 'show'):.3f}"
    )


def _median(rows: Sequence[Mapping[str, float]], names: Iterable[str]) -> str:
    wanted = set(names)
    return f"{statistics.median(sum(s for name, s in row.items() if name in wanted) for row in rows):.2f}"
