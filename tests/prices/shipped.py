"""Price lists that have a product for every price of the shipped book, in AWS's own shape and at the shipped price."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.prices.offers import PriceList, Product, database, machine, product

BOOK = Path(__file__).resolve().parents[2] / "provisioner" / "prices" / "us-east-1.csv"
ENGINES = {
    "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "redis": "Redis", "valkey": "Valkey",
    "memcached": "Memcached",
}  # fmt: skip
DEPLOYMENTS = {"single-az": "Single-AZ", "multi-az": "Multi-AZ"}
# Keys whose list is priced in other units: what of the list's unit ours is.
FACTORS = {
    "sqs standard.requests": 10**6,
    "sqs fifo.requests": 10**6,
    "secretsmanager request": 10**4,
}
# (offer, family, usage type, unit, further attributes) of keys that name nothing but themselves.
SINGLE: dict[str, tuple[str, str, str, str, dict[str, str]]] = {
    "cloudwatch alarm.standard": (
        "AmazonCloudWatch",
        "Alarm",
        "CW:AlarmMonitorUsage",
        "Alarms",
        {"alarmType": "Standard"},
    ),
    "cloudwatch dashboard": ("AmazonCloudWatch", "Dashboard", "DashboardsUsageHour", "Dashboards", {}),
    "cloudwatch logs.ingestion": ("AmazonCloudWatch", "Data Payload", "USE1-DataProcessing-Bytes", "GB", {}),
    "cloudwatch logs.storage": (
        "AmazonCloudWatch",
        "Storage Snapshot",
        "USE1-TimedStorage-ByteHrs",
        "GB-Mo",
        {},
    ),
    "ebs gp3.iops-above-3000": (
        "AmazonEC2",
        "System Operation",
        "EBS:VolumeP-IOPS.gp3",
        "IOPS-Mo",
        {"volumeApiName": "gp3"},
    ),
    "ebs gp3.storage": ("AmazonEC2", "Storage", "EBS:VolumeUsage.gp3", "GB-Mo", {"volumeApiName": "gp3"}),
    "elb alb.hour": ("AWSELB", "Load Balancer-Application", "LoadBalancerUsage", "Hrs", {}),
    "elb alb.lcu": ("AWSELB", "Load Balancer-Application", "LCUUsage", "LCU-Hrs", {}),
    "fargate linux.arm64.gb": ("AmazonECS", "Compute", "USE1-Fargate-ARM-GB-Hours", "hours", {}),
    "fargate linux.arm64.vcpu": ("AmazonECS", "Compute", "USE1-Fargate-ARM-vCPU-Hours:perCPU", "hours", {}),
    "fargate linux.x86_64.gb": ("AmazonECS", "Compute", "USE1-Fargate-GB-Hours", "hours", {}),
    "fargate linux.x86_64.vcpu": ("AmazonECS", "Compute", "USE1-Fargate-vCPU-Hours:perCPU", "hours", {}),
    "kms key": ("awskms", "Encryption Key", "us-east-1-KMS-Keys", "Keys", {}),
    "rds backup-storage": (
        "AmazonRDS",
        "Storage Snapshot",
        "RDS:ChargedBackupUsage",
        "GB-Mo",
        {"databaseEngine": "Any"},
    ),
    "rds proxy.vcpu": (
        "AmazonRDS",
        "RDSProxy",
        "USE1-RDS:ProxyUsage",
        "Hrs",
        {"databaseEngine": "PostgreSQL"},
    ),
    "secretsmanager request": (
        "AWSSecretsManager",
        "API Request",
        "USE1-AWSSecretsManagerAPIRequest",
        "API Requests",
        {},
    ),
    "secretsmanager secret": ("AWSSecretsManager", "Secret", "USE1-AWSSecretsManager-Secrets", "Secrets", {}),
    "sqs fifo.requests": (
        "AWSQueueService",
        "API Request",
        "Requests-FIFO-RBP",
        "Requests",
        {"queueType": "FIFO (first-in, first-out)"},
    ),
    "sqs standard.requests": (
        "AWSQueueService",
        "API Request",
        "Requests-RBP",
        "Requests",
        {"queueType": "Standard"},
    ),
    "vpc ipv4.hour": ("AmazonVPC", "", "USE1-PublicIPv4:InUseAddress", "Hrs", {}),
    "vpc nat-gateway.data": ("AmazonEC2", "NAT Gateway", "NatGateway-Bytes", "GB", {}),
    "vpc nat-gateway.hour": ("AmazonEC2", "NAT Gateway", "NatGateway-Hours", "Hrs", {}),
}
RDS_USAGE = {
    "storage.gp2": ("Database Storage", "GP2-Storage", "GB-Mo"),
    "storage.gp3": ("Database Storage", "GP3-Storage", "GB-Mo"),
    "storage.io1": ("Database Storage", "PIOPS-Storage", "GB-Mo"),
    "storage.io1.iops": ("Provisioned IOPS", "PIOPS", "IOPS-Mo"),
    "storage.gp3.iops-above-included": ("Provisioned IOPS", "GP3-PIOPS", "IOPS-Mo"),
    "storage.gp3.throughput-above-included": ("Provisioned Throughput", "GP3-Throughput", "MBPS-Mo"),
}


def rows() -> list[dict[str, str]]:
    """Return the rows of the shipped book that a product is written for here."""
    with BOOK.open(newline="") as file:
        return [row for row in csv.DictReader(file) if _is_written(row["service"], row["sku_key"])]


def _is_written(service: str, key: str) -> bool:
    name = f"{service} {key}"
    if service == "rds":
        kind = key.rpartition(".")[0]
        return name in SINGLE or kind in RDS_USAGE or kind.split(".")[0] in ENGINES
    if service == "elasticache":
        return key.split(".")[0] in ENGINES
    return (
        name in SINGLE
        or name in ("ebs gp3.throughput-above-125", "kms request")
        or (service == "ec2" and key.startswith("linux."))
        or key in ("standard.storage.first-50tb", "standard.storage.next-450tb")
    )


def lists() -> list[PriceList]:
    """Return the price lists, by offer."""
    by_offer: dict[str, list[Product]] = {}
    for offer, made in _products():
        by_offer.setdefault(offer, []).append(made)
    return [PriceList(offer, products) for offer, products in sorted(by_offer.items())]


def write(folder: Path, kind: str = "json") -> list[Path]:
    """Write all of them below a folder."""
    return [one.write(folder, kind=kind) for one in lists()]


def _products() -> Iterator[tuple[str, Product]]:
    numbers = itertools.count(1)
    tiered: dict[str, str] = {}
    for row in rows():
        service, key, price = row["service"], row["sku_key"], Decimal(row["price_usd"])
        sku = f"SKU{next(numbers):05}"
        name = f"{service} {key}"
        if name == "ebs gp3.throughput-above-125":
            yield "AmazonEC2", product(
                sku, "Provisioned Throughput", "EBS:VolumeP-Throughput.gp3", f"{price * 1024:.10f}", "GiBps-mo",
                volumeApiName="gp3",
            )  # fmt: skip
        elif name == "kms request":
            # The first requests of a month are free.
            made = product(sku, "API Request", "us-east-1-KMS-Requests", "0", "Requests")
            made.tiers = (("0", "20000", "0.0000000000"), ("20000", "Inf", f"{price:.10f}"))
            yield "awskms", made
        elif name in SINGLE:
            offer, family, usage, unit, attributes = SINGLE[name]
            yield (
                offer,
                product(sku, family, usage, f"{price / FACTORS.get(name, 1):.10f}", unit, **attributes),
            )
        elif key.endswith(".surplus-credits"):
            usage = f"CPUCredits:{key.split('.')[1]}"
            yield (
                "AmazonEC2",
                product(sku, "CPU Credits", usage, f"{price:.10f}", "vCPU-Hours", operatingSystem="Linux"),
            )
        elif service == "ec2":
            yield "AmazonEC2", machine(sku, key.partition(".")[2], f"{price:.10f}")
        elif service == "elasticache":
            engine, _, node = key.partition(".")
            yield "AmazonElastiCache", product(
                sku, "Cache Instance", f"NodeUsage:{node}", f"{price:.10f}", instanceType=node,
                cacheEngine=ENGINES[engine],
            )  # fmt: skip
        elif service == "rds" and key.startswith("storage."):
            kind, _, deployment = key.rpartition(".")
            family, usage, unit = RDS_USAGE[kind]
            usage = f"USE1-RDS:{'Multi-AZ-' if deployment == 'multi-az' else ''}{usage}"
            yield "AmazonRDS", product(
                sku, family, usage, f"{price:.10f}", unit, databaseEngine="Any",
                deploymentOption=DEPLOYMENTS[deployment],
            )  # fmt: skip
        elif service == "rds":
            engine, _, rest = key.partition(".")
            kind, _, deployment = rest.rpartition(".")
            yield (
                "AmazonRDS",
                database(
                    sku, kind, f"{price:.10f}", deployment=DEPLOYMENTS[deployment], engine=ENGINES[engine]
                ),
            )
        elif name.startswith("s3 standard.storage."):
            tiered[key.rpartition(".")[2]] = f"{price:.10f}"
        else:
            raise AssertionError(f"no product is written for {name}")
    storage = product("SKUS3", "Storage", "TimedStorage-ByteHrs", "0", "GB-Mo", volumeType="Standard")
    storage.tiers = (
        ("0", "51200", tiered["first-50tb"]),
        ("51200", "512000", tiered["next-450tb"]),
        ("512000", "Inf", "0.0210000000"),
    )
    yield "AmazonS3", storage
