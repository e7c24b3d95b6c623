"""Judge whether a module may be published: what its Terraform files hold that a worker must not run or fetch.

The judgement is made once, before a version is published: content is immutable by its digest from then on. It looks at
every .tf file, also in folders inside the module and in overrides, because Terraform loads those too.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import hcl2
from lark.exceptions import LarkError, UnexpectedInput

from catalog import hcl
from catalog.hcl_blocks import Attribute, Block, StructureError, read_blocks
from catalog.problems import ManifestProblem

MAX_FILE_BYTES: Final = 256 * 1024
VARIABLES_FILE: Final = "variables.tf"
BUILT_IN: Final = "terraform.io/builtin/terraform"
PUBLIC_REGISTRY: Final = "registry.terraform.io"

# Not loaded by an order: they call the module from outside, with a provider of their own.
_ASIDE: Final = ("examples", "tests")
_TOP_LEVEL: Final = frozenset(
    {"check", "data", "ephemeral", "locals", "module", "moved", "output", "provider", "removed", "resource"}
    | {"terraform", "variable"}
)
_WITH_PROVIDER: Final = ("data", "ephemeral", "resource")
# Terraform loads these beside .tf, and nothing here reads them.
_OTHER_SUFFIXES: Final = (".tf.json", ".tofu", ".tofu.json")
_REGISTRY_SOURCE: Final = re.compile(
    r"(?:(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]+)?)/)?"
    r"[A-Za-z0-9][\w-]*/[A-Za-z0-9][\w-]*/[a-z0-9]+(?://[\w./-]+)?"
)
_GIT_SOURCE: Final = re.compile(
    r"git::(?:https|ssh)://(?:[\w.-]+@)?(?P<host>[A-Za-z0-9.-]+(?::[0-9]+)?)/[^?#]+\?(?P<query>[^#]*)"
)
_EXACT_VERSION: Final = re.compile(r"=?\s*[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?")
_COMMIT_QUERY: Final = re.compile(r"(?:depth=[0-9]+&)?ref=[0-9a-f]{40}(?:&depth=[0-9]+)?")


@dataclass(frozen=True)
class Rules:
    """What this installation lets modules do. Lower case; a provider without a host is the public registry's."""

    providers: frozenset[str] = frozenset({"hashicorp/aws"})
    module_hosts: frozenset[str] = frozenset()
    allow_code: bool = False

    @property
    def all_providers(self) -> frozenset[str]:
        """Return the providers with those that need no permission of their own."""
        return self.providers | {BUILT_IN} | ({"hashicorp/external"} if self.allow_code else set())


def check_module(files: Mapping[str, bytes], prefix: str, rules: Rules) -> list[ManifestProblem]:
    """Return every reason not to publish the module with these files; `prefix` is put before their names."""
    found: list[ManifestProblem] = []
    read: dict[str, tuple[Block, ...]] = {}
    for name in sorted(files):
        if name.lower().endswith(_OTHER_SUFFIXES):
            reason = (
                "is Terraform JSON; the catalog reads only .tf files. Write it as HCL"
                if name.lower().endswith(".tf.json")
                else "is loaded by OpenTofu alone, so two engines would run two modules. Name it .tf"
            )
            found.append(ManifestProblem(f"{prefix}/{name}", 0, reason))
        elif name.endswith(".tf"):
            blocks = _read(name, files[name], prefix, found)
            if blocks is not None:
                read[name] = blocks
    folders = {posixpath.dirname(name) for name in read}
    declared = {folder: _declared_providers(_of_folder(read, folder)) for folder in folders}
    for name, blocks in read.items():
        folder = posixpath.dirname(name)
        check = _Check(f"{prefix}/{name}", folder, folders, declared[folder], rules)
        check.file(blocks)
        found.extend(check.found)
    found.extend(_undescribed(read.get(VARIABLES_FILE, ()), f"{prefix}/{VARIABLES_FILE}"))
    return sorted(set(found), key=lambda p: (p.file, p.line, p.reason))


def _read(name: str, data: bytes, prefix: str, found: list[ManifestProblem]) -> tuple[Block, ...] | None:
    file = f"{prefix}/{name}"
    if len(data) > MAX_FILE_BYTES:
        reason = f"is larger than {MAX_FILE_BYTES // 1024} KiB; split the file"
        found.append(ManifestProblem(file, 0, reason))
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        found.append(ManifestProblem(file, 0, "is not UTF-8 text; save it as UTF-8"))
        return None
    try:
        blocks = read_blocks(text)
    except StructureError as error:
        found.append(
            ManifestProblem(
                file, error.line, f"is no valid Terraform: {error.reason}; `terraform validate` explains it"
            )
        )
        return None
    if name != VARIABLES_FILE:  # read by catalog.variables already
        found.extend(_expression_problems(text, file))
    return blocks


def _expression_problems(text: str, file: str) -> Iterator[ManifestProblem]:
    reason = "is no valid Terraform here or just before; `terraform validate` explains it"
    try:
        hcl2.parses(text.removeprefix("\ufeff") + "\n")
    except UnexpectedInput as error:
        yield ManifestProblem(
            file, error.line if isinstance(error.line, int) and error.line > 0 else 0, reason
        )
    except (LarkError, RuntimeError, ValueError):
        yield ManifestProblem(file, 0, reason)


def _of_folder(read: Mapping[str, tuple[Block, ...]], folder: str) -> Iterator[Block]:
    for name, blocks in read.items():
        if posixpath.dirname(name) == folder:
            yield from blocks


def _undescribed(blocks: Iterable[Block], file: str) -> Iterator[ManifestProblem]:
    for block in blocks:
        if block.type != "variable" or not block.labels:
            continue
        described = block.attribute("description")
        if described is None or described.source.strip('"').strip() == "":
            yield ManifestProblem(
                file,
                block.line,
                f"variable {block.labels[0]} has no description, so the form could not say what it is; add one",
            )


def _declared_providers(blocks: Iterable[Block]) -> dict[str, str]:
    """Return the provider's address behind each local name; what cannot be read is reported where it stands."""
    found: dict[str, str] = {}
    for attribute in _required_providers(blocks):
        address = _provider_address(attribute)
        if address is not None:
            found[attribute.name] = address
    return found


def _required_providers(blocks: Iterable[Block]) -> Iterator[Attribute]:
    for block in blocks:
        if block.type == "terraform":
            for inner in block.blocks:
                if inner.type == "required_providers":
                    yield from inner.attributes


def _provider_address(attribute: Attribute) -> str | None:
    """Return `namespace/name`, with the host before it where it is not the public registry; None if unreadable."""
    try:
        value = hcl.parse_expression(attribute.source)
    except hcl.HclSyntaxError:
        return None
    source: object = attribute.name  # `aws = ">= 6"`, the form without a source
    if isinstance(value, hcl.ObjectLiteral):
        sources = [inner for key, inner in value.items if key == "source"]
        if len(sources) > 1 or not all(isinstance(one, hcl.Literal) for one in sources):
            return None
        source = next((one.value for one in sources if isinstance(one, hcl.Literal)), source)
    elif not isinstance(value, hcl.Literal):
        return None
    return _full_address(source) if isinstance(source, str) else None


def _full_address(source: str) -> str:
    parts = source.lower().split("/")
    if len(parts) == 1:
        return f"hashicorp/{parts[0]}"
    return "/".join(parts[1:] if len(parts) == 3 and parts[0] == PUBLIC_REGISTRY else parts)


class _Check:
    """All checks of one file; collects problems with their lines."""

    def __init__(
        self, file: str, folder: str, folders: set[str], declared: Mapping[str, str], rules: Rules
    ) -> None:
        self.file_name = file
        self.folder = folder
        self.folders = folders
        self.declared = declared
        self.rules = rules
        self.aside = _is_aside(folder)
        self.found: list[ManifestProblem] = []

    def say(self, line: int, reason: str) -> None:
        self.found.append(ManifestProblem(self.file_name, line, reason))

    def file(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            if block.type not in _TOP_LEVEL:
                self.say(
                    block.line,
                    f"a {block.type} block is not allowed in a golden path: the portal does not know what it would "
                    "do. Leave it out",
                )
            self.code(block)
            if block.type == "provider" and not self.aside:
                self.say(
                    block.line,
                    "a provider block inside a module keeps the portal's region, credentials and tags from it. "
                    "Leave it out: the portal configures the provider",
                )
            if block.type == "terraform":
                self.terraform(block)
            if block.type == "module":
                self.module(block)
            for inner in block.walk():
                # `check` holds data sources of its own.
                if inner.type in _WITH_PROVIDER and len(inner.labels) == 2:
                    self.resource(inner)

    def code(self, block: Block) -> None:
        """Refuse what runs commands on the worker, however deep it stands."""
        if self.rules.allow_code:
            return
        for inner in block.walk():
            generated = inner.labels[:1] if inner.type == "dynamic" else ()
            if "provisioner" in (inner.type, *generated):
                kind = inner.labels[0] if inner.labels and not generated else "any kind"
                self.say(
                    inner.line,
                    f"a provisioner ({kind}) runs commands or copies files with the worker's rights, outside the plan "
                    "that people approve. Use a resource of a provider instead",
                )
        # A provider may have a nested block of that name; Terraform's own stands in the resource or provisioner.
        holders = [one for one in block.walk() if one.type in ("resource", "provisioner", "removed")]
        for inner in (inner for holder in holders for inner in holder.blocks):
            if inner.type == "connection" or (
                inner.type == "dynamic" and inner.labels[:1] == ("connection",)
            ):
                self.say(
                    inner.line,
                    "a connection block logs in to a machine from the worker. Leave it out; configure the machine "
                    "with user data or an image",
                )

    def terraform(self, block: Block) -> None:
        for inner in block.blocks:
            if inner.type in ("backend", "cloud") and not self.aside:
                self.say(
                    inner.line,
                    f"a {inner.type} block says where the state is kept, and the portal keeps it. Leave it out",
                )
        for attribute in _required_providers([block]):
            address = _provider_address(attribute)
            if address is None:
                self.say(
                    attribute.line,
                    f"the provider {attribute.name} must be written with constants: "
                    '{ source = "hashicorp/aws", version = ">= 6.0" }',
                )
            else:
                self.provider(attribute.line, address)

    def provider(self, line: int, address: str) -> None:
        if address not in self.rules.all_providers:
            allowed = ", ".join(sorted(self.rules.providers)) or "none"
            self.say(
                line,
                f"the provider {address} is not on the list of this installation ({allowed}): a provider is a program "
                "that runs on the workers. Do without it, or have it added to DRAWBRIDGE_MODULE_PROVIDERS",
            )

    def resource(self, block: Block) -> None:
        kind = block.labels[0]
        if block.type == "data" and kind == "external" and not self.rules.allow_code:
            self.say(
                block.line,
                "the data source external runs a program on the worker, and does so already while planning. Use a "
                "data source of a provider instead",
            )
            return
        if block.type == "data" and kind == "terraform_remote_state":
            self.say(
                block.line,
                "terraform_remote_state reads a whole state, with the secrets in it. Take what is needed as a "
                "variable, or read it with a data source of the provider",
            )
        local = kind.split("_", 1)[0]
        meta = block.attribute("provider")
        if meta is not None:
            local = meta.tokens[0].text.strip('"')
        address = self.declared.get(local) or (BUILT_IN if local == "terraform" else f"hashicorp/{local}")
        if local not in self.declared:  # a declared one is judged where it is declared
            self.provider(block.line, address)

    def module(self, block: Block) -> None:
        attribute = block.attribute("source")
        if attribute is None:
            if posixpath.basename(self.file_name).endswith("override.tf"):
                return  # what it overrides has one
            self.say(block.line, "the module block has no source; `terraform validate` explains it")
            return
        source = _constant(attribute)
        if source is None:
            self.say(attribute.line, "the source of a module must be a constant text; write it out")
        elif source.startswith(("./", "../")):
            self.local_module(attribute.line, source)
        else:
            self.fetched_module(attribute.line, source, block.attribute("version"))

    def local_module(self, line: int, source: str) -> None:
        target = posixpath.normpath(posixpath.join(self.folder, source))
        target = "" if target == "." else target
        if target == ".." or target.startswith("../"):
            self.say(
                line,
                f"the source {source} leaves the module's folder, and only that folder is published. Copy what is "
                "needed into it",
            )
        elif target not in self.folders:
            self.say(line, f"the source {source} is no folder of this module with .tf files; name one")
        elif _is_aside(target) and not self.aside:
            self.say(
                line,
                f"the source {source} is an example or a test, which may do what a module may not. Move it elsewhere",
            )

    def fetched_module(self, line: int, source: str, version: Attribute | None) -> None:
        git = _GIT_SOURCE.fullmatch(source)
        registry = _REGISTRY_SOURCE.fullmatch(source)
        if git is None and registry is None:
            self.say(
                line,
                f"the source {_shown(source)} is none that the catalog takes. Use a folder of the module (./…), a "
                "registry address, or git::https://host/path.git?ref=<commit>",
            )
            return
        host = (git or registry)["host"]  # type: ignore[index]
        host = (host or PUBLIC_REGISTRY).lower()
        if host not in self.rules.module_hosts:
            allowed = ", ".join(sorted(self.rules.module_hosts)) or "none"
            self.say(
                line,
                f"the source {_shown(source)} comes from {host}, which is not on the list of this installation "
                f"({allowed}). Copy the module into this folder, or have the host added to "
                "DRAWBRIDGE_MODULE_SOURCE_HOSTS",
            )
        elif git is not None:
            if not _COMMIT_QUERY.fullmatch(git["query"]):
                self.say(
                    line,
                    f"the source {_shown(source)} may change after it was published: name the commit, ?ref=<40 "
                    "hexadecimal digits>",
                )
        elif not _EXACT_VERSION.fullmatch(_constant(version) or "" if version else ""):
            self.say(
                line,
                f"the source {source} may change after it was published: give one exact version, as in "
                'version = "1.2.3"',
            )


def _is_aside(folder: str) -> bool:
    return bool(folder) and PurePosixPath(folder).parts[0] in _ASIDE


def _constant(attribute: Attribute) -> str | None:
    """Return the text that an attribute is, or None when it is anything but one constant text."""
    try:
        value = hcl.parse_expression(attribute.source)
    except hcl.HclSyntaxError:
        return None
    return value.value if isinstance(value, hcl.Literal) and isinstance(value.value, str) else None


def _shown(source: str) -> str:
    """Return a source without what may be a password in it."""
    return re.sub(r"//[^/@]*@", "//…@", source)
