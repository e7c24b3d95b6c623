"""JSON documents in string attributes: policies, dashboards."""

import json


def is_json(text: str) -> bool:
    """Say whether a text is a JSON document."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def same_json(left: str, right: str) -> bool:
    """Say whether two texts are the same JSON document."""
    try:
        return bool(json.loads(left) == json.loads(right))
    except ValueError:
        return False
