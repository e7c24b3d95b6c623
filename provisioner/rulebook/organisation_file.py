"""Read an organisation from JSON or YAML: what `GET /api/v1/tag-policy/` gives, or a file of one's own."""

from __future__ import annotations

import json

from catalog.yaml_file import UnreadableFile, read_document
from provisioner.domain.organisation import Organisation, ServiceFacts
from provisioner.domain.policy.section import PolicyError, Problem, Reading, Section

MAX_BYTES = 16 * 1024 * 1024


def read(raw: bytes) -> Organisation:
    """Return the organisation. Raises PolicyError with everything that is wrong.

    `services` by slug, each with team, cost_center and criticality; `teams`, `cost_centers` and `environments` as
    lists. Teams and cost centers that services name need no list.
    """
    reading = Reading()
    root = Section(_data(raw), (), reading)
    if root.at("organisation").present:
        root = root.at("organisation")
    root.keys("services", "teams", "cost_centers", "environments", required=["services", "environments"])
    services = {}
    for slug, entry in root.at("services").each():
        entry.keys("team", "cost_center", "criticality", required=["team", "cost_center", "criticality"])
        services[slug] = ServiceFacts(
            entry.at("team").text(), entry.at("cost_center").text(), entry.at("criticality").text()
        )
    found = Organisation(
        services=services,
        teams=frozenset(root.at("teams").names()) | {facts.team for facts in services.values()},
        cost_centers=frozenset(root.at("cost_centers").names())
        | {facts.cost_center for facts in services.values()},
        environments=frozenset(root.at("environments").names()),
    )
    if reading.problems:
        raise PolicyError(*reading.problems)
    return found


def _data(raw: bytes) -> object:
    try:
        text = raw.decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            return json.loads(text)
        return read_document(text, "organisation").data
    except UnreadableFile as error:
        raise PolicyError(
            *(Problem("", found.line, f"The file {found.reason}.", "Mend it.") for found in error.problems)
        ) from None
    except (ValueError, RecursionError) as error:
        raise PolicyError(
            Problem("", 0, f"It can be read neither as JSON nor as YAML: {error}.", "Mend it.")
        ) from None
