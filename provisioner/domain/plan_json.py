"""Plan and state documents as JSON, before they become types: limits, reading, canonical form, digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import NoReturn

SENSITIVE = "(sensitive)"
Path = tuple[str | int, ...]
# Most of a document: told from objects and lists by type, in a tenth of the time that a look at the protocol takes.
PLAIN = (str, int, float, type(None))

# Terraform nests a few levels for every module inside a module; real plans stay far below this. The functions
# here recurse, so the limit also keeps them clear of Python's own.
MAX_DEPTH = 150

# Differ between two plans of the same thing: the clock; relevant_attributes, whose order is not stable; and
# prior_state, which repeats what `before` says of the changes and is bound by the state's serial.
_VOLATILE = frozenset({"timestamp", "relevant_attributes", "prior_state"})


class PlanFormatError(ValueError):
    """The document is not a plan that we can read; the text says what is wrong and where."""


def read_document(text: str | bytes) -> dict[str, object]:
    """Read a JSON object from text, refusing what Python's reader would let through or choke on.

    Raises PlanFormatError for invalid JSON, NaN and Infinity, nesting beyond MAX_DEPTH, or anything but an
    object.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise PlanFormatError(_too_deep()) from None
    except PlanFormatError:
        raise
    except ValueError as error:
        raise PlanFormatError(f"The document is not valid JSON: {error}. Send a JSON object.") from None
    if not isinstance(document, dict):
        raise PlanFormatError("The document is JSON, but not an object. Send a JSON object.")
    check_depth(document)
    return document


def check_depth(document: object) -> None:
    """Raise PlanFormatError when containers are nested deeper than MAX_DEPTH. Does not recurse."""
    level: list[object] = [document]
    for _ in range(MAX_DEPTH + 1):
        level = [child for item in level for child in _children(item) if not isinstance(child, PLAIN)]
        if not level:
            return
    raise PlanFormatError(_too_deep())


def canonical(document: object) -> bytes:
    """Give the one spelling of a JSON value: sorted keys, no spaces, UTF-8.

    Raises PlanFormatError for values that JSON does not have.
    """
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except RecursionError:
        raise PlanFormatError(_too_deep()) from None
    except (TypeError, ValueError) as error:
        raise PlanFormatError(
            f"The document holds a value that JSON does not have: {error}. Send plain JSON values."
        ) from None
    return text.encode()


def plan_digest(plan_document: Mapping[str, object], module_digest: str, variables_digest: str) -> str:
    """Name what a person decides on: SHA-256 (hex) over the plan, the module's and the variables' digests.

    Take the digest of the redacted document: it is shown to people and kept, so no secret should be guessable
    from it. What may differ between two plans of the same thing is left out.
    """
    check_depth(plan_document)
    kept = {key: value for key, value in plan_document.items() if key not in _VOLATILE}
    digest = hashlib.sha256(b"drawbridge-plan/1\n")
    for part in (module_digest.encode(), variables_digest.encode(), canonical(kept)):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def variables_digest(variables: Mapping[str, object]) -> str:
    """Give the SHA-256 (hex) of the variables' canonical JSON."""
    return hashlib.sha256(canonical(dict(variables))).hexdigest()


def _children(item: object) -> Iterator[object]:
    if isinstance(item, Mapping):
        yield from item.values()
    elif isinstance(item, list):
        yield from item


def _refuse_constant(name: str) -> NoReturn:
    raise PlanFormatError(f"The document holds {name}, which is not JSON. Send plain JSON values.")


def _too_deep() -> str:
    return (
        f"The document is nested more than {MAX_DEPTH} levels deep, deeper than Terraform writes. "
        "Send the unchanged output of terraform show -json."
    )
