"""What a real Terraform said and saved for a few resources, repeated for as many as wanted."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.bench import bare, replay
from portal.bench.orders import Portal
from provisioner import selectors
from provisioner.models import Run

# The index of a queue, in its address and in its name.
_INDEX = re.compile(r"(?<=this\[)\d+(?=\])|(?<=-development-)\d+")


@dataclass(frozen=True)
class Recording:
    """The documents of one run, and the words in them that are another run's own."""

    plan_file: bytes
    plan_lines: Sequence[str]
    show: Mapping[str, Any]
    apply_lines: Sequence[str]
    state: Mapping[str, Any]
    own_words: tuple[str, ...]

    @classmethod
    def make(cls, portal: Portal, item: str) -> Recording:
        """Let a bare Terraform plan and apply an order, and keep everything it says."""
        folder = portal.folder / "bare" / portal.new_name()
        seat = portal.take_seat(item, folder)
        said = {step: portal.bare.output(seat, folder, arguments) for step, arguments in _JSON_STEPS.items()}
        bare.leave_seat(seat)
        version = selectors.newest_state(seat.run.workspace_id)
        if version is None:
            raise bare.BareFailed("The apply left no state.")
        return cls(
            plan_file=(folder / "plan.bin").read_bytes(),
            plan_lines=said["plan"].splitlines(),
            show=json.loads(said["show"]),
            apply_lines=said["apply"].splitlines(),
            state=json.loads(selectors.state_content(version)),
            own_words=_own_words(seat.run),
        )

    def stand_in(self, folder: Path, run: Run, resources: int, log_lines: int = 0) -> Path:
        """Write an executable that plays this recording for a run, with so many resources; return its path.

        `log_lines` are said on top of it while applying.
        """
        folder.mkdir(parents=True)
        show = {**copy.deepcopy(dict(self.show))}
        show["resource_changes"] = repeated(self.show["resource_changes"], resources)
        for module in show["planned_values"]["root_module"]["child_modules"]:
            module["resources"] = repeated(module["resources"], resources)
        state = {**copy.deepcopy(dict(self.state))}
        for resource in state["resources"]:
            resource["instances"] = repeated(resource["instances"], resources, "index_key")
        texts = {
            "plan.jsonl": "\n".join(repeated_lines(self.plan_lines, resources)),
            "show.json": json.dumps(show),
            "apply.jsonl": "\n".join([*repeated_lines(self.apply_lines, resources), *_progress(log_lines)]),
            "state.json": json.dumps(state),
        }
        for name, text in texts.items():
            for old, new in zip(self.own_words, _own_words(run), strict=True):
                text = text.replace(old, new)
            (folder / name).write_text(text + "\n")
        (folder / "plan.bin").write_bytes(self.plan_file)
        path = folder / "terraform"
        source = Path(replay.__file__).read_text()
        path.write_text(f"#!{sys.executable} -IS\n{source}")
        path.chmod(0o700)
        return path


_JSON_STEPS: Mapping[str, tuple[str, ...]] = {
    "init": bare.STEPS["init"],
    "plan": ("plan", "-json", "-input=false", "-out=plan.bin"),
    "show": bare.STEPS["show"],
    "apply": ("apply", "-json", "-input=false", "plan.bin"),
}


def _own_words(run: Run) -> tuple[str, ...]:
    return (str(run.workspace_id), str(run.request_id), f"{run.workspace.name}-development")


def repeated(items: Sequence[Any], count: int, key: str = "index") -> list[Any]:
    """Repeat numbered items up to `count`; each has the number of its place, in its texts and as `key`."""
    texts = [json.dumps(item) for item in items]
    found = []
    for number in range(count):
        item = json.loads(_INDEX.sub(str(number), texts[number % len(texts)]))
        if key in item:
            item[key] = number
        found.append(item)
    return found


def repeated_lines(lines: Sequence[str], count: int) -> Iterator[str]:
    """Repeat the lines about numbered resources up to `count` resources, in place of the first of each kind."""
    of_kind: dict[str, list[str]] = {}
    for line in lines:
        if "this[" in line:
            of_kind.setdefault(str(json.loads(line).get("type")), []).append(line)
    said: set[str] = set()
    for line in lines:
        kind = str(json.loads(line).get("type"))
        if "this[" not in line:
            yield line
        elif kind not in said:
            said.add(kind)
            for number in range(count):
                yield _INDEX.sub(str(number), of_kind[kind][number % len(of_kind[kind])])


def _progress(count: int) -> Iterator[str]:
    """Yield what Terraform says while something takes its time."""
    for number in range(count):
        yield json.dumps(
            {
                "@level": "info",
                "@message": f"module.this.aws_sqs_queue.this[0]: Still creating... [{10 * number}s elapsed]",
                "@module": "terraform.ui",
                "@timestamp": "2026-01-01T00:00:00.000000Z",
                "hook": {
                    "resource": {"addr": "module.this.aws_sqs_queue.this[0]"},
                    "action": "create",
                    "elapsed_seconds": 10 * number,
                },
                "type": "apply_progress",
            }
        )
