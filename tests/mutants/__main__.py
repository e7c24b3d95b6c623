"""Count the mutants of the rules that the tests of the core kill, and list those that live.

Run by `make mutants`, which runs mutmut first: it changes one thing at a time in the modules that pyproject.toml names
and runs the tests that reach the change. A mutant that no test notices is a line that may say anything.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant

HOME = Path("mutants")
REPORT = Path(".venv/mutants-report.md")

# https://github.com/boxed/mutmut: what pytest exited with under each mutant.
SURVIVED, NO_TEST = 0, frozenset({5, 33})
NOT_JUDGED = frozenset({34, None})


@dataclass(frozen=True)
class Module:
    """The mutants of one module: how many there are, and the names of those that no test killed."""

    path: str
    mutants: int
    survivors: tuple[str, ...]

    @property
    def killed(self) -> int:
        """How many were noticed."""
        return self.mutants - len(self.survivors)

    @property
    def share(self) -> float:
        """Which part was noticed, 0 to 1."""
        return self.killed / self.mutants if self.mutants else 1.0


def modules(home: Path) -> Iterator[Module]:
    """Yield the modules that were mutated, in the order of their paths."""
    for meta in sorted(home.rglob("*.py.meta")):
        codes = json.loads(meta.read_text())["exit_code_by_key"]
        judged = {name: code for name, code in codes.items() if code not in NOT_JUDGED}
        if judged:
            alive = tuple(name for name, code in judged.items() if code == SURVIVED or code in NO_TEST)
            path = meta.relative_to(home).as_posix().removesuffix(".meta")
            yield Module(path, len(judged), alive)


def difference(name: str, path: str) -> str:
    """Return what a mutant changes, as a diff."""
    lines = get_diff_for_mutant(name, path=path).splitlines()
    return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def main() -> int:
    """Print the table, write the survivors, and fail below the share that is asked for."""
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.add_argument("--at-least", type=float, default=85.0, metavar="PERCENT")
    options = parser.parse_args()
    found = list(modules(HOME))
    if not found:
        print("No mutants were made. Run `make mutants`.")
        return 2
    report = ["# Mutants that no test notices", ""]
    print(f"{'module':<60}{'mutants':>9}{'killed':>9}{'share':>9}")
    for module in found:
        print(f"{module.path:<60}{module.mutants:>9}{module.killed:>9}{module.share:>9.1%}")
        if module.survivors:
            report += [f"## {module.path}", ""]
            for name in module.survivors:
                report += [
                    f"`{name.rpartition('.')[2]}`",
                    "```diff",
                    difference(name, module.path),
                    "```",
                    "",
                ]
    total, noticed = sum(one.mutants for one in found), sum(one.killed for one in found)
    print(f"{'all':<60}{total:>9}{noticed:>9}{noticed / total:>9.1%}")
    REPORT.write_text("\n".join(report), encoding="utf-8")
    print(f"What lives is listed in {REPORT}.")
    return 0 if noticed / total * 100 >= options.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
