"""The watchdog: `python guard.py FOLDER SECONDS < pipe`. Ends a chaos run's processes when nobody else can any more.

It does so when its standard input ends before a "done" was written to it (whoever held the pipe is dead), or when the
time is up; then it ends the chaos program too. Standard library only, apart from its neighbour.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import processes


def main() -> int:
    folder, limit_s, watched = Path(sys.argv[1]), float(sys.argv[2]), os.getppid()
    readable, _, _ = select.select([sys.stdin], [], [], limit_s)
    if readable and sys.stdin.read().strip() == "done":
        return 0
    if not readable:
        sys.stderr.write(f"The chaos run did not end within {limit_s:.0f} s: the watchdog ends it.\n")
        processes.end([watched])
    for _ in range(20):  # what dies may have started something a moment before
        found = [seen.pid for seen in processes.ours(folder)]
        if not found:
            break
        processes.end(found)
        time.sleep(0.2)
    return 1


if __name__ == "__main__":
    sys.exit(main())
