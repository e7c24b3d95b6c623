"""Read a policy from the bytes of its YAML file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from catalog.yaml_file import UnreadableFile, read_document
from provisioner.domain.policy import document
from provisioner.domain.policy.document import Policy
from provisioner.domain.policy.section import Outside, PolicyError, Problem
from provisioner.rulebook import own_rules

FILE_MAX_BYTES = 256 * 1024


def read(raw: bytes, name: str = "policy.yaml", *, beside: Path | None = None) -> Policy:
    """Return the policy. Raises PolicyError with the line, the reason and the fix of everything that is wrong.

    `beside` is the folder that files named in it are read from; they are a part of the digest.
    """
    try:
        located = read_document(raw.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        where = raw[: error.start].count(b"\n") + 1
        raise PolicyError(Problem("", where, "The file is not UTF-8.", "Save it as UTF-8.")) from None
    except UnreadableFile as error:
        raise PolicyError(
            *(Problem("", found.line, f"The file {found.reason}.", "Mend it.") for found in error.problems)
        ) from None
    digest = hashlib.sha256(raw)

    def texts(file: str, suffix: str) -> tuple[tuple[str, str], ...]:
        found = _texts(beside, file, suffix) if beside is not None else ()
        for path, text in found:
            digest.update(hashlib.sha256(f"{path}\0{text}".encode()).digest())
        return found

    outside = Outside(own_rules.evaluate.problem, None if beside is None else texts)
    policy = document.read(located.data, digest=digest.hexdigest(), lines=located.lines, outside=outside)
    # Files are named in the policy, so what they hold is known only now.
    return replace(policy, digest=digest.hexdigest())


def _texts(folder: Path, name: str, suffix: str) -> tuple[tuple[str, str], ...]:
    """Return the file, or all files of the folder, each with its path from the policy. Tests of Rego are left out."""
    root = folder.resolve()
    found = (root / name).resolve()
    if not found.is_relative_to(root):
        raise ValueError(f"{name} does not lie beside the policy.")
    files = [found] if found.is_file() else sorted(found.rglob(f"*{suffix}"))
    files = [
        file for file in files if not file.stem.endswith("_test") and file.resolve().is_relative_to(root)
    ]
    if not files:
        raise ValueError(f"There is no {name} beside the policy, or nothing in it ends with {suffix}.")
    texts = []
    for file in files:
        if file.stat().st_size > FILE_MAX_BYTES:
            raise ValueError(f"{file.relative_to(root)} is larger than {FILE_MAX_BYTES // 1024} KiB.")
        try:
            texts.append((str(file.relative_to(root)), file.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{file.relative_to(root)} cannot be read: {error}.") from None
    return tuple(texts)
