#!/usr/bin/env python3
"""List what the Python package pulumi-aws calls deprecated, under the names of `hashicorp/aws`.

    extract_deprecated.py pulumi_aws-7.44.0-py3-none-any.whl FULL.json[.gz] > found.json

FULL is what extract_schema.py prints. Looked at are the types in types.txt. The output has an object for each type:
from path to message. Standard error tells what of either side has no counterpart on the other.

The package is generated from the provider. It decorates the property of what is deprecated with the provider's message,
in which it writes its own names of the resources (`s3.BucketAcl` for `aws_s3_bucket_acl`). It tells nothing of `id`,
which it handles itself, and takes away the deprecation of two arguments of `aws_iam_role`. deprecated.json has all
of it, in the provider's own words.
"""

import ast
import gzip
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
HANDLED_BY_TERRAFORM = ("id", "timeouts")
# Properties that the package calls otherwise than the provider does.
RENAMED = {
    ("aws_cloudwatch_metric_alarm", "alarm_name"): "name",
    ("aws_sns_topic_subscription", "topic_arn"): "topic",
}
ALSO_CALLED = {"aws_lb": "lbloadbalancer"}

_RESOURCE = re.compile(r"super\((\w+), \w+\)\.__init__\(\s*'aws:(\w+)/\w+:(\w+)'")
_DATA_SOURCE = re.compile(r"invoke\('aws:(\w+)/get\w+:get(\w+)'.*?typ=(\w+)\)")
_NESTED = re.compile(r"(_inputs|outputs)\.(\w+)|'(\w+)'")


class Property(NamedTuple):
    """A property of a class: its type's text, and why it is deprecated."""

    name: str
    annotation: str
    message: str


class Class(NamedTuple):
    """A class of the package, and the folder of the module that it is in."""

    folder: str
    properties: dict[str, Property]


def squeeze(name: str) -> str:
    """Return a name without what the two sides write differently."""
    return name.replace("_", "").lower()


class Package:
    """The Python sources in the wheel."""

    def __init__(self, path: str) -> None:
        with zipfile.ZipFile(path) as wheel:
            names = [name for name in wheel.namelist() if name.endswith(".py")]
            self._sources = {name: wheel.read(name).decode() for name in names}
        self._classes: dict[str, dict[str, Class]] = {}
        self._found: dict[str, list[tuple[str, str]]] = {}  # squeezed name → file and class
        for name, source in self._sources.items():
            for class_name, module, called in _RESOURCE.findall(source):
                self._found.setdefault(squeeze(module + called), []).append((name, class_name))
                self._found.setdefault(squeeze(called), []).append((name, class_name))
            for module, called, class_name in _DATA_SOURCE.findall(source):
                self._found.setdefault("data." + squeeze(module + called), []).append((name, class_name))
                self._found.setdefault("data." + squeeze(called), []).append((name, class_name))

    def classes_of(self, type_name: str, attributes: set[str]) -> list[Class]:
        """Return the classes of a type: of those with a like name, the ones with the most like properties."""
        prefix = "data." if type_name.startswith("data.") else ""
        bare = type_name.removeprefix("data.").removeprefix("aws_")
        words = bare.split("_")
        called = [
            ALSO_CALLED.get(type_name, squeeze(bare)),
            *("".join(words[n:]) for n in range(1, len(words))),
        ]
        places = {place for name in called for place in self._found.get(prefix + name, [])}
        wanted = {squeeze(name) for name in attributes}

        def likeness(place: tuple[str, str]) -> float:
            there = {squeeze(name) for name in self._read(place[0])[place[1]].properties}
            return len(wanted & there) / len(wanted | there)

        if not places:
            return []
        name, class_name = max(sorted(places), key=likeness)
        classes = self._read(name)
        beside = (class_name, f"{class_name}Args", f"_{class_name}State")
        return [classes[other] for other in beside if other in classes]

    def nested(self, folder: str, annotation: str) -> list[Class]:
        """Return the classes of what a property holds, as it is given and as it is read."""
        found = _NESTED.search(annotation)
        if found is None:
            return []
        files = [found.group(1)] if found.group(1) else ["_inputs", "outputs"]
        called = found.group(2) or found.group(3)
        return [c for file in files if (c := self._read(f"{folder}/{file}.py").get(called))]

    def _read(self, name: str) -> dict[str, Class]:
        if name not in self._classes:
            tree = ast.parse(self._sources.get(name, ""))
            folder = name.rpartition("/")[0]
            self._classes[name] = {
                node.name: Class(folder, _read_properties(node))
                for node in tree.body
                if isinstance(node, ast.ClassDef)
            }
        return self._classes[name]


def _read_properties(node: ast.ClassDef) -> dict[str, Property]:
    """Read the getters of a class."""
    found = {}
    for getter in node.body:
        if isinstance(getter, ast.FunctionDef) and getter.returns is not None:
            decorators = {ast.unparse(d).split("(")[0]: d for d in getter.decorator_list}
            if "pulumi.getter" in decorators:
                call = decorators.get("_utilities.deprecated")
                message = ast.literal_eval(call.args[0]) if isinstance(call, ast.Call) else ""
                found[getter.name] = Property(getter.name, ast.unparse(getter.returns), message)
    return found


def _spellings(name: str) -> Iterator[str]:
    """Return how the package may call an attribute: it puts lists into the plural."""
    yield name
    yield f"{name}s"
    yield f"{name}es"
    yield re.sub(r"y$", "ies", name)
    yield re.sub(r"s$", "", name)


class Comparison:
    """A type's schema beside the package's classes."""

    def __init__(self, package: Package, type_name: str, notes: list[str]) -> None:
        self._package = package
        self._type_name = type_name
        self._notes = notes
        self.messages: dict[str, str] = {}

    def walk(self, block: dict[str, Any], classes: list[Class], path: str = "") -> None:
        """Collect the messages of a block and of what is in it."""
        properties: dict[str, list[tuple[str, Property]]] = {}
        for found_class in classes:
            for name, part in found_class.properties.items():
                properties.setdefault(squeeze(name), []).append((found_class.folder, part))
        members = {**block.get("attributes", {}), **block.get("block_types", {})}
        for name, member in members.items():
            if name in HANDLED_BY_TERRAFORM and not path:
                properties.pop(squeeze(name), None)
                continue
            spellings = [RENAMED.get((self._type_name, path + name), name), *_spellings(name)]
            there = next((s for s in map(squeeze, spellings) if s in properties), None)
            if there is None:
                self._notes.append(f"{self._type_name} {path}{name}: only in the schema")
                continue
            counterpart = properties.pop(there)
            self._messages_of(path + name, member, counterpart)
        for counterpart in properties.values():
            self._notes.append(f"{self._type_name} {path}{counterpart[0][1].name}: only in the package")

    def _messages_of(
        self, path: str, member: dict[str, Any], counterpart: list[tuple[str, Property]]
    ) -> None:
        message = next((part.message for _, part in counterpart if part.message), "")
        if message:
            self.messages[path] = message
        inner = member.get("block") or _object_in(member.get("type"))
        if inner:
            classes = [
                c for folder, part in counterpart for c in self._package.nested(folder, part.annotation)
            ]
            self.walk(inner, classes, f"{path}.")


def _object_in(kind: Any) -> dict[str, Any] | None:
    """Return the object that a type is made of, in the form of a block."""
    while isinstance(kind, list) and kind[0] != "object":
        kind = kind[1]
    return (
        {"attributes": {name: {"type": of} for name, of in kind[1].items()}}
        if isinstance(kind, list)
        else None
    )


def main(argv: list[str]) -> None:
    """Print the messages, and notes to standard error."""
    if len(argv) != 2:
        sys.exit(__doc__)
    package = Package(argv[0])
    raw = Path(argv[1]).read_bytes()
    document = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    (schemas,) = document["provider_schemas"].values()
    notes: list[str] = []
    found: dict[str, dict[str, str]] = {}
    lines = (HERE / "types.txt").read_text().splitlines()
    for type_name in (line for line in lines if line and not line.startswith("#")):
        kind = "data_source_schemas" if type_name.startswith("data.") else "resource_schemas"
        block = schemas[kind][type_name.removeprefix("data.")]["block"]
        names = {*block.get("attributes", {}), *block.get("block_types", {})}
        comparison = Comparison(package, type_name, notes)
        comparison.walk(block, package.classes_of(type_name, names))
        if comparison.messages:
            found[type_name] = dict(sorted(comparison.messages.items()))
    json.dump(found, sys.stdout, indent=2)
    print()
    for note in notes:
        print("note:", note, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
