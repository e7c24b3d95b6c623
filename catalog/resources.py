"""Which resources a module declares, and which modules it calls: what a state that it is to take over may hold."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from catalog import hcl
from catalog.hcl_blocks import Attribute, Block, StructureError, read_blocks

_CALLS_DEPTH_MAX = 20


@dataclass(frozen=True)
class DeclaredResources:
    """(type, name) of a module's resources, and the modules it calls by name; None where one is fetched elsewhere."""

    resources: frozenset[tuple[str, str]]
    modules: Mapping[str, DeclaredResources | None] = field(default_factory=dict)

    def names_of(self, type_: str) -> list[str]:
        """Return the names that resources of a type have here."""
        return sorted(name for kind, name in self.resources if kind == type_)


def declared_resources(files: Mapping[str, bytes], folder: str = "", depth: int = 0) -> DeclaredResources:
    """Read the module in a folder of these files. Names that a `moved` block leads on from count as declared."""
    resources: set[tuple[str, str]] = set()
    modules: dict[str, DeclaredResources | None] = {}
    for block in _blocks(files, folder):
        if block.type == "resource" and len(block.labels) == 2:
            resources.add((block.labels[0], block.labels[1]))
        elif block.type == "moved":
            resources.update(_moved_from(block))
        elif block.type == "module" and block.labels:
            source = _text(block.attribute("source"))
            inside = None
            if source is not None and source.startswith(("./", "../")) and depth < _CALLS_DEPTH_MAX:
                target = posixpath.normpath(posixpath.join(folder, source))
                inside = declared_resources(files, "" if target == "." else target, depth + 1)
            modules[block.labels[0]] = inside
    return DeclaredResources(frozenset(resources), modules)


def _blocks(files: Mapping[str, bytes], folder: str) -> Iterator[Block]:
    for name in sorted(files):
        if name.endswith(".tf") and posixpath.dirname(name) == folder:
            try:
                yield from read_blocks(files[name].decode("utf-8", "replace"))
            except StructureError:
                continue  # a published module has none; Terraform would say it


def _moved_from(block: Block) -> Iterator[tuple[str, str]]:
    attribute = block.attribute("from")
    address = "" if attribute is None else "".join(token.text for token in attribute.tokens)
    parts = address.partition("[")[0].split(".")
    if len(parts) == 2 and parts[0] != "module":
        yield parts[0], parts[1]


def _text(attribute: Attribute | None) -> str | None:
    if attribute is None:
        return None
    try:
        value = hcl.parse_expression(attribute.source)
    except hcl.HclSyntaxError:
        return None
    return value.value if isinstance(value, hcl.Literal) and isinstance(value.value, str) else None
