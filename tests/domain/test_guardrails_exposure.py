# ruff: noqa: E501  (tables: a row a line)
import pytest

from provisioner.domain.finding import Level
from provisioner.domain.guardrails_exposure import BUCKET_BLOCKS, PUBLIC, is_everybody
from tests.domain.documents import resource
from tests.domain.guardrail_rows import has, later, matter, objects, rule, say, soft

GROUP = "aws_security_group"
WEB = {"ports": [80, 443, "8000-8100"]}
NAMES = "only for: 80, 443, 8000-8100"
FIX = "Name the addresses or security groups that need it instead of everybody."
PORTS = [
    # first, last, protocol, how it is spelled; None: allowed
    (443, 443, "tcp", None),
    (80, 80, "TCP", None),
    (8000, 8100, "tcp", None),
    (8050, 8060, "tcp", None),
    (22, 22, "tcp", "port 22"),
    (0, 0, "tcp", "port 0"),
    (443, 444, "tcp", "ports 443-444"),
    (80, 443, "tcp", "ports 80-443"),
    (7999, 8100, "tcp", "ports 7999-8100"),
    (8000, 8101, "tcp", "ports 8000-8101"),
    (0, 65535, "tcp", "every port"),
    (443, 443, "-1", "every port"),
    (443, 443, "all", "every port"),
    (443, 443, None, "every port"),
    (None, None, "tcp", "every port"),
    (443, None, "tcp", "every port"),
    (None, 443, "tcp", "every port"),
    (-1, -1, "icmp", "every port"),
    (443, 80, "tcp", "every port"),
    (True, True, "tcp", "every port"),
]


def inline(first: object, last: object, protocol: object, **ranges: object) -> dict[str, object]:
    return has(GROUP, ingress=[{"from_port": first, "to_port": last, "protocol": protocol, **ranges}])


def older(first: object, last: object, protocol: object, **ranges: object) -> dict[str, object]:
    return has(f"{GROUP}_rule", type="ingress", from_port=first, to_port=last, protocol=protocol, **ranges)


def newer(first: object, last: object, protocol: object, **ranges: object) -> dict[str, object]:
    spelled = {
        {"cidr_blocks": "cidr_ipv4", "ipv6_cidr_blocks": "cidr_ipv6"}[key]: value[0]  # type: ignore[index]
        for key, value in ranges.items()
    }
    return has(
        "aws_vpc_security_group_ingress_rule", from_port=first, to_port=last, ip_protocol=protocol, **spelled
    )


class TestOpenPorts:
    @pytest.mark.parametrize("make", [inline, older, newer])
    @pytest.mark.parametrize(("first", "last", "protocol", "spelled"), PORTS)
    def test_are_held_to_those_that_are_allowed(
        self, make: object, first: object, last: object, protocol: object, spelled: str | None
    ) -> None:
        entry = make(first, last, protocol, cidr_blocks=["0.0.0.0/0"])  # type: ignore[operator]
        address = entry["address"]
        expected = () if spelled is None else (
            objects(f"{address} opens {spelled} to 0.0.0.0/0; that is allowed {NAMES}.", FIX, where=address),
        )  # fmt: skip
        assert say(rule("public-exposure", WEB), matter(entry)) == expected

    @pytest.mark.parametrize("make", [inline, older, newer])
    def test_are_open_to_everybody_of_ipv6_too(self, make: object) -> None:
        entry = make(22, 22, "tcp", ipv6_cidr_blocks=["::/0"])  # type: ignore[operator]
        (found,) = say(soft("public-exposure"), matter(entry))
        assert found == objects(
            f"{entry['address']} opens port 22 to ::/0; that is allowed for no port.",
            f"{FIX} Or ask sre to override.",
            where=entry["address"],
            level=Level.SOFT_MANDATORY,
            group="sre",
        )

    def test_name_every_range(self) -> None:
        (found,) = say(
            rule("public-exposure"),
            matter(inline(22, 22, "tcp", cidr_blocks=["10.0.0.0/8", "0.0.0.0/0"], ipv6_cidr_blocks=["::/0"])),
        )
        assert "to 0.0.0.0/0, ::/0;" in found.what

    @pytest.mark.parametrize("make", [inline, older])
    def test_may_be_open_to_some(self, make: object) -> None:
        entry = make(22, 22, "tcp", cidr_blocks=["10.0.0.0/8"], ipv6_cidr_blocks=[])  # type: ignore[operator]
        assert say(rule("public-exposure"), matter(entry)) == ()

    def test_may_lead_outwards(self) -> None:
        out = has(
            f"{GROUP}_rule", type="egress", from_port=0, to_port=0, protocol="-1", cidr_blocks=["0.0.0.0/0"]
        )
        assert say(rule("public-exposure"), matter(out)) == ()
        group = has(
            GROUP, egress=[{"from_port": 0, "to_port": 0, "protocol": "-1", "cidr_blocks": ["0.0.0.0/0"]}]
        )
        assert say(rule("public-exposure"), matter(group)) == ()

    def test_are_found_in_the_default_group_and_in_every_block(self) -> None:
        opened = {"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}
        closed = {**opened, "cidr_blocks": ["10.0.0.0/8"]}
        found = say(
            rule("public-exposure"),
            matter(has("aws_default_security_group", ingress=[closed, opened, {**opened, "from_port": 21}])),
        )
        assert [one.what.split(" to ")[0] for one in found] == [
            "aws_default_security_group.this opens port 22",
            "aws_default_security_group.this opens ports 21-22",
        ]

    @pytest.mark.parametrize(
        ("attributes", "unknown", "path"),
        [
            ({}, {"ingress": True}, "ingress"),
            ({"ingress": [{"from_port": 22, "to_port": 22, "protocol": "tcp"}]}, {"ingress": [{"cidr_blocks": True}]}, "cidr_blocks"),
            ({"ingress": [{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": []}]}, {"ingress": [{"cidr_blocks": [True]}]}, "cidr_blocks[0]"),
            ({"ingress": [{"to_port": 22, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}]}, {"ingress": [{"from_port": True}]}, "from_port"),
            ({"ingress": [{"from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}]}, {"ingress": [{"protocol": True}]}, "protocol"),
        ],
    )  # fmt: skip
    def test_are_said_not_to_be_known(self, attributes: dict, unknown: dict, path: str) -> None:
        unsure = matter(has(GROUP, unknown=unknown, **attributes))
        assert say(rule("public-exposure"), unsure) == (later(path, f"{GROUP}.this"),)

    def test_are_said_not_to_be_known_of_a_rule_of_its_own(self) -> None:
        kind = "aws_vpc_security_group_ingress_rule"
        unsure = matter(has(kind, unknown={"cidr_ipv4": True}, from_port=22, to_port=22, ip_protocol="tcp"))
        assert say(rule("public-exposure"), unsure) == (later("cidr_ipv4", f"{kind}.this"),)

    @pytest.mark.parametrize(
        "kind",
        [
            "aws_security_group_rule",
            "aws_vpc_security_group_egress_rule",
            "aws_vpc_security_group_ingress_rule",
        ],
    )
    def test_are_not_looked_for_in_a_group_whose_rules_stand_apart(self, kind: str) -> None:
        group = has(GROUP, unknown={"ingress": True})
        apart = has(kind, type="egress", cidr_ipv4="10.0.0.0/8", from_port=1, to_port=1, ip_protocol="tcp")
        assert say(rule("public-exposure"), matter(group, apart)) == ()

    def test_hide_behind_nothing_that_is_no_block(self) -> None:
        assert say(rule("public-exposure"), matter(has(GROUP, ingress=["x"]))) == ()
        assert say(rule("public-exposure"), matter(has(GROUP, ingress=None))) == ()

    @pytest.mark.parametrize(
        ("cidr", "everybody"),
        [
            ("0.0.0.0/0", True),
            ("::/0", True),
            ("1.2.3.4/0", True),
            ("0.0.0.0/1", True),
            ("128.0.0.0/1", True),
            ("8000::/1", True),
            ("0.0.0.0/2", False),
            ("10.0.0.0/8", False),
            ("1.2.3.4/32", False),
            ("everybody", False),
            ("", False),
            (None, False),
            (0, False),
        ],
    )
    def test_are_open_to_everybody_by_half_of_all_addresses(self, cidr: object, everybody: bool) -> None:
        assert is_everybody(cidr) is everybody


class TestPublicThings:
    @pytest.mark.parametrize("type_", sorted(PUBLIC))
    def test_are_what_says_so(self, type_: str) -> None:
        where = f"{type_}.this"
        assert say(rule("public-exposure"), matter(has(type_, publicly_accessible=False))) == ()
        assert say(rule("public-exposure"), matter(has(type_))) == ()
        assert say(rule("public-exposure"), matter(has(type_, publicly_accessible=True))) == (
            objects(
                f"publicly_accessible of {where} is true, so the internet can reach it.",
                "Set it to false.",
                where=where,
                suggested=False,
            ),
        )
        unsure = matter(has(type_, unknown={"publicly_accessible": True}))
        assert say(rule("public-exposure"), unsure) == (later("publicly_accessible", where),)

    @pytest.mark.parametrize(
        "type_", ["aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block"]
    )
    @pytest.mark.parametrize("name", BUCKET_BLOCKS)
    def test_are_buckets_without_a_block(self, type_: str, name: str) -> None:
        closed = dict.fromkeys(BUCKET_BLOCKS, True)
        where = f"{type_}.this"
        assert say(rule("public-exposure"), matter(has(type_, **closed))) == ()
        for attributes in ({**closed, name: False}, {key: True for key in closed if key != name}):
            assert say(rule("public-exposure"), matter(has(type_, **attributes))) == (
                objects(
                    f"{name} of {where} is false, so the internet can reach it.",
                    "Set it to true.",
                    where=where,
                    suggested=True,
                ),
            )

    @pytest.mark.parametrize("type_", ["aws_s3_bucket_acl", "aws_s3_bucket"])
    @pytest.mark.parametrize(
        ("acl", "public"),
        [
            ("public-read", True),
            ("public-read-write", True),
            ("authenticated-read", True),
            ("private", False),
            (None, False),
        ],
    )
    def test_are_buckets_that_anybody_may_read(self, type_: str, acl: str | None, public: bool) -> None:
        where = f"{type_}.this"
        expected = objects(
            f"acl of {where} is {acl}, so the internet can read it.",
            "Set it to private.",
            where=where,
            suggested="private",
        )
        assert say(rule("public-exposure"), matter(has(type_, acl=acl))) == ((expected,) if public else ())

    @pytest.mark.parametrize("type_", ["aws_lb", "aws_alb", "aws_elb"])
    def test_are_load_balancers_that_face_the_internet(self, type_: str) -> None:
        where = f"{type_}.this"
        assert say(rule("public-exposure"), matter(has(type_, internal=True))) == ()
        for attributes in ({"internal": False}, {}):
            assert say(rule("public-exposure"), matter(has(type_, **attributes))) == (
                objects(
                    f"internal of {where} is false, so the internet can reach it.",
                    "Set it to true.",
                    where=where,
                    suggested=True,
                ),
            )
            assert (
                say(rule("public-exposure", {"load_balancers": True}), matter(has(type_, **attributes))) == ()
            )
        assert say(rule("public-exposure"), matter(has(type_, unknown={"internal": True}))) == (
            later("internal", where),
        )

    def test_are_found_while_parameters_are_typed(self) -> None:
        order = matter(
            promises=[resource("aws_lb", internal=False)],
            sources={"aws_lb.this": {("internal",): "private"}},
            plan=False,
        )
        (found,) = say(rule("public-exposure"), order)
        assert (found.where, found.what) == ("private", "private is false, so the internet can reach it.")

    def test_are_nothing_else(self) -> None:
        assert say(rule("public-exposure"), matter(has("aws_eip", publicly_accessible=True))) == ()
