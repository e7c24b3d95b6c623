"""A stand-in for Terraform that says at once what a real one said before: what is left is the portal's own time.

It stands as `terraform` beside the documents it gives out, and is started as a script with the standard library
only. Like Terraform, an apply takes the lock, posts the state and releases the lock.
"""

import base64
import hashlib
import http.client
import json
import os
import shutil
import sys
import urllib.parse
import uuid

HERE = os.path.dirname(os.path.abspath(sys.argv[0]))


def main() -> None:
    command = sys.argv[1]
    if command == "version":
        sys.stdout.write("Terraform v0.0.0\n")
    elif command == "plan":
        _give_out("plan.jsonl")
        shutil.copyfile(os.path.join(HERE, "plan.bin"), "plan.bin")
    elif command == "show":
        _give_out("show.json")
    elif command == "apply":
        lock = json.dumps({"ID": str(uuid.uuid4()), "Operation": "OperationTypeApply"}).encode()
        _ask("LOCK", lock)
        _give_out("apply.jsonl")
        with open(os.path.join(HERE, "state.json"), "rb") as file:
            _ask("POST", file.read(), f"?ID={json.loads(lock)['ID']}")
        _ask("UNLOCK", lock)


def _give_out(name: str) -> None:
    sys.stdout.flush()
    with open(os.path.join(HERE, name), "rb") as file:
        while chunk := file.read(1024 * 1024):
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()


def _ask(method: str, body: bytes, query: str = "") -> None:
    """Talk to the state backend as Terraform does, with the run's credential."""
    address = urllib.parse.urlsplit(os.environ["TF_HTTP_ADDRESS"])
    credential = f"{os.environ['TF_HTTP_USERNAME']}:{os.environ['TF_HTTP_PASSWORD']}"
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    connection.request(
        method,
        address.path + query,
        body,
        {
            "Authorization": f"Basic {base64.b64encode(credential.encode()).decode()}",
            "Content-MD5": base64.b64encode(digest).decode(),
        },
    )
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        sys.exit(f"{method} was answered with {answer.status}: {answer.read().decode(errors='replace')}")
    connection.close()


if __name__ == "__main__":
    main()
