"""The network: VPCs, subnets, availability zones, security groups and DNS zones.

Every region of the sandbox has one default VPC with a private and a public subnet in each of three zones.
"""

import zlib

from provisioner.sandbox.cloud import Attributes
from provisioner.sandbox.session import Session
from provisioner.sandbox.sources import matching

VPC_ID = "vpc-0d0bbed0000000000"
_ZONES = "abc"
_TIERS = ("private", "public")


def read_vpc(session: Session, config: Attributes) -> Attributes:
    """Look up one VPC."""
    fitting = matching.matching([_vpc(session, config)], config, ("id", "cidr_block", "default", "state"))
    return matching.only(fitting, "EC2 VPC")


def read_vpcs(session: Session, config: Attributes) -> Attributes:
    """Look up VPCs."""
    return _listing(matching.matching([_vpc(session, config)], config, ()), config)


def read_subnet(session: Session, config: Attributes) -> Attributes:
    """Look up one subnet."""
    arguments = (
        "id",
        "vpc_id",
        "cidr_block",
        "availability_zone",
        "availability_zone_id",
        "default_for_az",
        "state",
    )
    return matching.only(matching.matching(_subnets(session, config), config, arguments), "EC2 Subnet")


def read_subnets(session: Session, config: Attributes) -> Attributes:
    """Look up subnets."""
    return _listing(matching.matching(_subnets(session, config), config, ()), config)


def read_security_group(session: Session, config: Attributes) -> Attributes:
    """Look up one security group: the VPC's default one or one that Terraform made."""
    region = config["region"]
    default = {
        "id": "sg-0d0bbed0000000000",
        "name": "default",
        "description": "default VPC security group",
        "vpc_id": VPC_ID,
        "arn": f"arn:aws:ec2:{region}:{session.account}:security-group/sg-0d0bbed0000000000",
        "tags": {},
    }
    rows = [default, *session.all("aws_security_group", region)]
    row = matching.only(matching.matching(rows, config, ("id", "name", "vpc_id")), "EC2 Security Group")
    return {**row, "tags": row.get("tags_all") or row.get("tags")}


def read_availability_zones(_session: Session, config: Attributes) -> Attributes:
    """List the region's three zones."""
    region = config["region"]
    names = [
        f"{region}{zone}" for zone in _ZONES if f"{region}{zone}" not in (config.get("exclude_names") or [])
    ]
    return {
        "id": region,
        "names": names,
        "zone_ids": [_zone_id(name) for name in names],
        "group_names": [f"{region}-zg-1"],
    }


def _listing(rows: list[Attributes], config: Attributes) -> Attributes:
    return {"id": config["region"], "ids": [row["id"] for row in rows]}


def _vpc(session: Session, config: Attributes) -> Attributes:
    return {
        "id": VPC_ID,
        "arn": f"arn:aws:ec2:{config['region']}:{session.account}:vpc/{VPC_ID}",
        "cidr_block": "172.31.0.0/16",
        "cidr_block_associations": [
            {
                "association_id": "vpc-cidr-assoc-0d0bbed0",
                "cidr_block": "172.31.0.0/16",
                "state": "associated",
            }
        ],
        "default": True,
        "dhcp_options_id": "dopt-0d0bbed0",
        "enable_dns_hostnames": True,
        "enable_dns_support": True,
        "enable_network_address_usage_metrics": False,
        "instance_tenancy": "default",
        "ipv6_cidr_block_associations": [],
        "main_route_table_id": "rtb-0d0bbed0000000000",
        "owner_id": session.account,
        "state": "available",
        "tags": {"Name": "sandbox"},
    }


def _subnets(session: Session, config: Attributes) -> list[Attributes]:
    places = [(tier, zone) for tier in _TIERS for zone in _ZONES]
    return [_subnet(session, config["region"], number, *place) for number, place in enumerate(places)]


def _subnet(session: Session, region: str, number: int, tier: str, zone: str) -> Attributes:
    identity = f"subnet-0d0bbed{number:010d}"
    return {
        "id": identity,
        "arn": f"arn:aws:ec2:{region}:{session.account}:subnet/{identity}",
        "vpc_id": VPC_ID,
        "cidr_block": f"172.31.{number * 16}.0/20",
        "availability_zone": region + zone,
        "availability_zone_id": _zone_id(region + zone),
        "available_ip_address_count": 4091,
        "default_for_az": tier == "public",
        "map_public_ip_on_launch": tier == "public",
        "assign_ipv6_address_on_creation": False,
        "owner_id": session.account,
        "private_dns_hostname_type_on_launch": "ip-name",
        "state": "available",
        "tags": {"Name": f"sandbox-{tier}-{zone}", "Tier": tier},
    }


def _zone_id(name: str) -> str:
    """Return a zone's id such as use1-az1 for us-east-1a."""
    area, direction, number = name[:-1].split("-")[-3:]
    return f"{area}{direction[0]}{number}-az{_ZONES.index(name[-1]) + 1}"


def read_zone(session: Session, config: Attributes) -> Attributes:
    """Answer with a zone of any name: the account owns every domain."""
    name = str(config.get("name") or "example.com").rstrip(".")
    zone_id = str(config.get("zone_id") or f"Z0{zlib.crc32(name.encode()):018X}")
    return {
        "id": zone_id,
        "zone_id": zone_id,
        "arn": f"arn:aws:route53:::hostedzone/{zone_id}",
        "name": name,
        "name_servers": [f"ns-{number}.awsdns-{number}.com" for number in range(4)],
        "primary_name_server": "ns-0.awsdns-0.com",
        "comment": "Sandbox",
        "caller_reference": "sandbox",
        "resource_record_set_count": 2,
    }
