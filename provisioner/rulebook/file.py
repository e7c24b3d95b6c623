"""Read a policy from the bytes of its YAML file."""

from __future__ import annotations

import hashlib

from catalog.yaml_file import UnreadableFile, read_document
from provisioner.domain.policy import document
from provisioner.domain.policy.document import Policy
from provisioner.domain.policy.section import PolicyError, Problem


def read(raw: bytes, name: str = "policy.yaml") -> Policy:
    """Return the policy. Raises PolicyError with the line, the reason and the fix of everything that is wrong."""
    try:
        located = read_document(raw.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        where = raw[: error.start].count(b"\n") + 1
        raise PolicyError(Problem("", where, "The file is not UTF-8.", "Save it as UTF-8.")) from None
    except UnreadableFile as error:
        raise PolicyError(
            *(Problem("", found.line, f"The file {found.reason}.", "Mend it.") for found in error.problems)
        ) from None
    return document.read(located.data, digest=hashlib.sha256(raw).hexdigest(), lines=located.lines)
