"""Speak Terraform's http backend as Terraform does, without Terraform."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from django.test import Client

from provisioner.models import Run
from provisioner.services.runspec import state_password

LINEAGE = "11111111-2222-3333-4444-555555555555"


def state(serial: int, lineage: str = LINEAGE, **more: object) -> bytes:
    """Return a state document."""
    return json.dumps(
        {"version": 4, "serial": serial, "lineage": lineage, "outputs": {}, "resources": [], **more}
    ).encode()


def lock_info(lock_id: str, **more: object) -> bytes:
    """Return a LockInfo document as Terraform writes it."""
    return json.dumps(
        {
            "ID": lock_id,
            "Operation": "OperationTypeApply",
            "Info": "",
            "Who": "me@host",
            "Version": "1.11.4",
            "Created": "2026-11-24T12:00:00.5Z",
            "Path": "",
            **more,
        }
    ).encode()


def md5(body: bytes) -> str:
    """Return the Content-MD5 of a body."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


class Backend:
    """Speaks to one workspace's state with the credential that the run has now, whatever becomes of the run."""

    def __init__(self, run: Run) -> None:
        self.run, self.client = run, Client()
        self.username, self.password = str(run.pk), state_password(run.pk, run.fencing_token)

    @property
    def address(self) -> str:
        return f"/api/v1/state/{self.run.workspace_id}/"

    @property
    def authorization(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def call(self, method: str, body: bytes = b"", query: str = "", **headers: str) -> Any:
        return self.client.generic(
            method,
            self.address + query,
            body,
            content_type="application/json",
            headers={"Authorization": self.authorization, **headers},
        )

    def get(self) -> Any:
        return self.call("GET")

    def lock(self, lock_id: str = "l1") -> Any:
        return self.call("LOCK", lock_info(lock_id))

    def unlock(self, lock_id: str = "l1") -> Any:
        return self.call("UNLOCK", lock_info(lock_id))

    def force_unlock(self) -> Any:
        return self.call("UNLOCK")

    def post(self, body: bytes, lock_id: str = "l1", **headers: str) -> Any:
        return self.call("POST", body, f"?ID={lock_id}", **{"Content-MD5": md5(body), **headers})
