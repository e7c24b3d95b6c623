"""KMS: aws_kms_key and aws_kms_alias, those of AWS's services and those that Terraform made."""

import zlib

from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.faults import CloudError
from provisioner.sandbox.session import Session


def read_alias(session: Session, config: Attributes) -> Attributes:
    """Look up an alias; every `alias/aws/…` has a key of its own."""
    name, region = config["name"], config["region"]
    for found in session.all("aws_kms_alias", region):
        if found.get("name") == name:
            key = _key_id(str(found["target_key_id"]))
            return _alias(session, region, name, key)
    if name.startswith("alias/aws/"):
        return _alias(session, region, name, f"00000000-0000-4000-8000-{zlib.crc32(name.encode()):012x}")
    raise CloudError(f"reading KMS Alias ({name}): NotFoundException: Alias {name} is not found.")


def read_key(session: Session, config: Attributes) -> Attributes:
    """Look up a key by id, ARN or alias."""
    named, region = str(config["key_id"]), config["region"]
    if ":alias/" in named or named.startswith("alias/"):
        alias = read_alias(session, {"name": "alias/" + named.split("alias/", 1)[1], "region": region})
        named = str(alias["target_key_id"])
    for found in session.all("aws_kms_key", region):
        if named in (found["id"], found["arn"]):
            return _key(session, region, found["id"], found, "CUSTOMER")
    if _key_id(named).startswith("00000000-0000-4000-8000-"):
        return _key(session, region, _key_id(named), {"description": "Default key of an AWS service"}, "AWS")
    raise CloudError(f"reading KMS Key ({named}): NotFoundException: Key '{named}' does not exist")


def _alias(session: Session, region: str, name: str, key: str) -> Attributes:
    arn = f"arn:aws:kms:{region}:{session.account}"
    return {
        "id": f"{arn}:{name}",
        "arn": f"{arn}:{name}",
        "target_key_id": key,
        "target_key_arn": f"{arn}:key/{key}",
    }


def _key(session: Session, region: str, identity: str, found: Attributes, manager: str) -> Attributes:
    enabled = found.get("is_enabled") is not False
    return {
        "id": identity,
        "arn": f"arn:aws:kms:{region}:{session.account}:key/{identity}",
        "aws_account_id": session.account,
        "customer_master_key_spec": "SYMMETRIC_DEFAULT",
        "description": found.get("description"),
        "enabled": enabled,
        "key_manager": manager,
        "key_spec": "SYMMETRIC_DEFAULT",
        "key_state": "Enabled" if enabled else "Disabled",
        "key_usage": "ENCRYPT_DECRYPT",
        "multi_region": bool(found.get("multi_region")),
        "multi_region_configuration": [],
        "origin": "AWS_KMS",
        "xks_key_configuration": [],
    }


def _key_id(named: str) -> str:
    return named.rsplit("/", 1)[-1]
