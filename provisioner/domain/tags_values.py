"""Keys and values of tags: how they are compared, and what AWS takes."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

NORMALISATIONS: Final = ("case", "trim", "spaces")

# https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/tagging-restrictions.html
KEY_MAX: Final = 128
VALUE_MAX: Final = 256
TAGS_MAX: Final = 50
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
OBJECT_TAGS_MAX: Final = 10
_OBJECTS: Final = frozenset({"aws_s3_object", "aws_s3_object_copy", "aws_s3_bucket_object"})

# Letters, digits and white space of any script, and these: what every service takes. EC2 takes any character:
# https://docs.aws.amazon.com/mediaconnect/latest/ug/tagging-restrictions.html
_EVERYWHERE = re.compile(r"[\w\s.:/=+\-@]*")


def normalised(value: str, ways: Collection[str]) -> str:
    """Return the form of a value in which two that mean the same are equal.

    `case`: lower case. `trim`: without white space around. `spaces`: each run of white space within is a hyphen.
    """
    if "trim" in ways:
        value = value.strip()
    if "spaces" in ways:
        value = re.sub(r"(?<=\S)\s+(?=\S)", "-", value)
    return value.lower() if "case" in ways else value


def squashed(key: str) -> str:
    """Return a key without case and separators: CostCenter, cost_center and cost-center are one."""
    return re.sub(r"[\s_.:/-]", "", key).lower() or key


def tags_max(resource_type: str) -> int:
    """Return how many tags a resource of the type may carry."""
    return OBJECT_TAGS_MAX if resource_type in _OBJECTS else TAGS_MAX


def key_limit(key: str) -> str | None:
    """Say why AWS refuses a key, or None."""
    if not key:
        return "it is empty"
    if len(key) > KEY_MAX:
        return f"it has {len(key)} characters, more than {KEY_MAX}"
    return _reserved(key)


def value_limit(value: str) -> str | None:
    """Say why AWS refuses a value, or None."""
    if len(value) > VALUE_MAX:
        return f"it has {len(value)} characters, more than {VALUE_MAX}"
    return _reserved(value)


def foreign_characters(text: str) -> str:
    """Return the characters, each once, that some services of AWS refuse in keys and values."""
    if _EVERYWHERE.fullmatch(text):
        return ""
    return "".join(dict.fromkeys(char for char in text if not _EVERYWHERE.fullmatch(char)))


def _reserved(text: str) -> str | None:
    return "the prefix aws: is reserved" if text[:4].lower() == "aws:" else None
