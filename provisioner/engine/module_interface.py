"""What a module takes and gives: names of variables and outputs, which are sensitive, whether it uses AWS."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hcl2
from hcl2 import SerializationOptions
from lark.exceptions import LarkError

_OPTIONS = SerializationOptions(
    strip_string_quotes=True, explicit_blocks=False, preserve_heredocs=False, with_comments=False
)
_USES_AWS = re.compile(r'"aws_|hashicorp/aws\b|terraform-aws-modules/')
_BLOCK = re.compile(r'^\s*(variable|output)\s+"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class ModuleInterface:
    """Names with a flag: True when the value is sensitive. `ephemeral` names are among the variables."""

    variables: Mapping[str, bool]
    outputs: Mapping[str, bool]
    ephemeral: tuple[str, ...]
    uses_aws: bool

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ModuleInterface":
        body = json.loads(text)
        return cls(body["variables"], body["outputs"], tuple(body["ephemeral"]), body["uses_aws"])


def read(folder: Path) -> ModuleInterface:
    """Read the interface from the module's files.

    A file that python-hcl2 cannot read is searched for block names, and everything in it counts as
    sensitive: Terraform itself says whether the file is wrong.
    """
    variables: dict[str, bool] = {}
    outputs: dict[str, bool] = {}
    ephemeral: list[str] = []
    for kind, name, body in _blocks(folder):
        if kind == "variable":
            variables[name] = _is_true(body, "sensitive")
            if _is_true(body, "ephemeral"):
                ephemeral.append(name)
        elif not _is_true(body, "ephemeral"):
            # An ephemeral output cannot leave a root module.
            outputs[name] = _is_true(body, "sensitive")
    return ModuleInterface(variables, outputs, tuple(ephemeral), _uses_aws(folder))


def _blocks(folder: Path) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    for file in sorted([*folder.glob("*.tf"), *folder.glob("*.tf.json")]):
        text = file.read_text("utf-8", "replace")
        try:
            yield from _blocks_of(_parse(file.name, text))
        except (LarkError, ValueError, RecursionError):
            for kind, name in _BLOCK.findall(text):
                yield kind, name, {"sensitive": True}


def _parse(name: str, text: str) -> Mapping[str, Any]:
    """Return a file's blocks by kind. Raises LarkError or ValueError."""
    document = (
        json.loads(text) if name.endswith(".json") else hcl2.loads(text, serialization_options=_OPTIONS)
    )
    if not isinstance(document, Mapping):
        raise ValueError(f"{name} holds no object")
    return document


def _blocks_of(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, object]]]:
    """Return the blocks of a parsed file; JSON files hold objects where HCL gives lists of objects."""
    found = []
    for kind in ("variable", "output"):
        groups = document.get(kind) or []
        for group in groups if isinstance(groups, list) else [groups]:
            for name, body in group.items():
                found.append((kind, str(name), body if isinstance(body, Mapping) else {}))
    return found


def _is_true(body: Mapping[str, object], key: str) -> bool:
    return body.get(key) in (True, "true")


def _uses_aws(folder: Path) -> bool:
    files = [*folder.rglob("*.tf"), *folder.rglob("*.tf.json")]
    return any(_USES_AWS.search(file.read_text("utf-8", "replace")) for file in files)
