"""Price models of networks, names and doors: https://aws.amazon.com/vpc/pricing/ and its neighbours."""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import PricedResource
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet
from provisioner.domain.pricing_table import Fixed, PriceTable, models, sources, usage_keys

_MILLION = Decimal(1_000_000)
_BILLION = Decimal(1000)  # in millions
_TEN_THOUSAND = Decimal(10_000)
_VPC = "https://aws.amazon.com/vpc/pricing/"
_PRIVATELINK = "https://aws.amazon.com/privatelink/pricing/"
_TRANSIT_GATEWAY = "https://aws.amazon.com/transit-gateway/pricing/"
_ROUTE53 = "https://aws.amazon.com/route53/pricing/"
_API_GATEWAY = "https://aws.amazon.com/api-gateway/pricing/"

_ENDPOINT_DATA = "monthly_data_processed_gb"
_ENDPOINTS = {"Interface": "interface", "GatewayLoadBalancer": "gateway-load-balancer"}


def _vpc_endpoint(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price an endpoint in each of its subnets; those of the gateway kind are free."""
    kind = resource.text("vpc_endpoint_type") or "Gateway"  # the provider's default
    if kind == "Gateway":
        return
    if kind not in _ENDPOINTS:
        yield sheet.unpriced(resource, "hours", f"Endpoints of the kind {kind:.40} have no price here.")
        return
    subnets = resource.attributes.get("subnet_ids")
    if isinstance(subnets, list | tuple) and subnets:
        number = Decimal(len(subnets))
        yield sheet.hours(resource, "hours", "vpc", f"endpoint.{_ENDPOINTS[kind]}.hour", number, "subnet")
    else:
        reason = resource.missing("subnet_ids", "number of its subnets")
        yield sheet.unpriced(resource, "hours", reason)
    sku_key = f"endpoint.{_ENDPOINTS[kind]}.data"
    yield from sheet.by_use(
        resource, ByUse("data", "data processed, by size", "vpc", sku_key, _ENDPOINT_DATA)
    )


def _record(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the queries that are expected; those of aliases are free, and others are named by their zone."""
    if resource.blocks("alias"):
        return
    for part in _QUERIES:
        if sheet.amount(resource, part.key) is not None:
            yield from sheet.by_use(resource, part)


_QUERIES = tuple(
    ByUse(
        f"{name} queries",
        "by number",
        "route53",
        ((f"queries.{sku}.first-1b", _BILLION), (f"queries.{sku}.over-1b", None)),
        key,
        _MILLION,
    )
    for name, sku, key in (
        ("standard", "standard", "monthly_standard_queries"),
        ("latency-based", "latency", "monthly_latency_based_queries"),
        ("geographic", "geo", "monthly_geo_queries"),
    )
)


def _health_check(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a check by where it looks, and the options that cost: HTTPS, text, latency, every 10 s."""
    kind = resource.text("type")
    if kind in ("CALCULATED", "CLOUDWATCH_METRIC", "RECOVERY_CONTROL") or resource.text("fqdn").endswith(
        ".amazonaws.com"
    ):
        where = "aws"
    elif resource.text("fqdn") or resource.text("ip_address"):
        where = "elsewhere"
    else:
        yield sheet.unpriced(resource, "check", resource.missing("fqdn", "name or address that it looks at"))
        return
    yield sheet.line(resource, "check", "route53", f"health-check.{where}", Decimal(1))
    options = (
        kind.startswith("HTTPS"),
        kind.endswith("_STR_MATCH"),
        resource.flag("measure_latency"),
        resource.number("request_interval") == _FAST_INTERVAL_S,
    )
    if any(options):
        yield sheet.line(
            resource, "options", "route53", f"health-check.{where}.option", Decimal(sum(options))
        )


_FAST_INTERVAL_S = 10


def _api(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price an API by its protocol."""
    for part in _WEBSOCKET if resource.text("protocol_type") == "WEBSOCKET" else _HTTP:
        yield from sheet.by_use(resource, part)


_HTTP = (
    ByUse(
        "requests",
        "requests, in pieces of 512 KB, by number",
        "apigateway",
        (("http.requests.first-300m", Decimal(300)), ("http.requests.over-300m", None)),
        "monthly_requests",
        _MILLION,
    ),
)
_WEBSOCKET = (
    ByUse(
        "messages",
        "messages, in pieces of 32 KB, by number",
        "apigateway",
        (("websocket.messages.first-1b", _BILLION), ("websocket.messages.over-1b", None)),
        "monthly_messages",
        _MILLION,
    ),
    ByUse(
        "connections",
        "minutes of connections",
        "apigateway",
        "websocket.minutes",
        "monthly_connection_mins",
        _MILLION,
    ),
)


def _api_stage(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a stage's cache, which is off unless somebody says otherwise."""
    if resource.flag("cache_cluster_enabled"):
        size = resource.text("cache_cluster_size")
        if size:
            yield sheet.hours(resource, "cache", "apigateway", f"cache.{size}gb.hour", noun="cache")
        else:
            yield sheet.unpriced(
                resource, "cache", resource.missing("cache_cluster_size", "size of the cache")
            )


def _web_acl(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price the list, its rules and groups of rules: https://aws.amazon.com/waf/pricing/."""
    yield sheet.line(resource, "list", "waf", "web-acl", Decimal(1))
    rules = len(resource.blocks("rule"))
    if rules:
        yield sheet.line(resource, "rules", "waf", "rule", Decimal(rules), basis=f"{rules} rules and groups")
    yield from sheet.by_use(
        resource,
        ByUse("requests", "requests looked at, by number", "waf", "requests", "monthly_requests", _MILLION),
    )


def _vpn(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a connection, and its attachment where it ends at a transit gateway."""
    yield sheet.hours(resource, "connection", "vpc", "vpn.hour", noun="connection")
    if resource.text("transit_gateway_id") or "transit_gateway_id" in resource.unknown:
        yield sheet.hours(resource, "attachment", "vpc", "transit-gateway.attachment.hour", noun="attachment")
        yield from sheet.by_use(resource, _TRANSIT)


_TRANSIT = ByUse(
    "data", "data processed, by size", "vpc", "transit-gateway.data", "monthly_data_processed_gb"
)
_ATTACHMENT = Fixed("attachment", "vpc", "transit-gateway.attachment.hour", hours=True)
_TABLE = {
    "aws_api_gateway_rest_api": PriceTable(
        _API_GATEWAY,
        (
            ByUse(
                "requests",
                "requests, by number",
                "apigateway",
                (
                    ("rest.requests.first-333m", Decimal(333)),
                    ("rest.requests.next-667m", Decimal(1000)),
                    ("rest.requests.next-19b", Decimal(20_000)),
                    ("rest.requests.over-20b", None),
                ),
                "monthly_requests",
                _MILLION,
            ),
        ),
    ),
    "aws_cloudfront_distribution": PriceTable(
        "https://aws.amazon.com/cloudfront/pricing/",
        (
            ByUse(
                "traffic to the internet",
                "by size and region",
                "cloudfront",
                (
                    ("us.data-out.first-10tb", Decimal(10_240)),
                    ("us.data-out.next-40tb", Decimal(51_200)),
                    ("us.data-out.over-50tb", None),
                ),
                "monthly_data_transfer_to_internet_gb.us",
            ),
            ByUse(
                "traffic to the origin",
                "by size and region",
                "cloudfront",
                "us.data-to-origin",
                "monthly_data_transfer_to_origin_gb.us",
            ),
            ByUse(
                "HTTP requests",
                "by number and region",
                "cloudfront",
                "us.http-requests",
                "monthly_http_requests.us",
                _TEN_THOUSAND,
            ),
            ByUse(
                "HTTPS requests",
                "by number and region",
                "cloudfront",
                "us.https-requests",
                "monthly_https_requests.us",
                _TEN_THOUSAND,
            ),
        ),
    ),
    "aws_ec2_transit_gateway_peering_attachment": PriceTable(_TRANSIT_GATEWAY, (_ATTACHMENT,)),
    "aws_ec2_transit_gateway_vpc_attachment": PriceTable(_TRANSIT_GATEWAY, (_ATTACHMENT, _TRANSIT)),
    "aws_eip": PriceTable(_VPC, (Fixed("address", "vpc", "ipv4.hour", hours=True),)),
    "aws_nat_gateway": PriceTable(
        _VPC,
        (
            Fixed("hours", "vpc", "nat-gateway.hour", hours=True),
            ByUse("data", "data processed, by size", "vpc", "nat-gateway.data", "monthly_data_processed_gb"),
        ),
    ),
    # The price of the first 25 zones of an account; those beyond cost less.
    "aws_route53_zone": PriceTable(_ROUTE53, (Fixed("zone", "route53", "zone.first-25"),)),
}

MODELS: dict[str, PriceModel] = {
    "aws_api_gateway_stage": _api_stage,
    "aws_apigatewayv2_api": _api,
    "aws_route53_health_check": _health_check,
    "aws_route53_record": _record,
    "aws_vpc_endpoint": _vpc_endpoint,
    "aws_vpn_connection": _vpn,
    "aws_wafv2_web_acl": _web_acl,
    **models(_TABLE),
}

SOURCES: dict[str, str] = {
    "aws_api_gateway_stage": _API_GATEWAY,
    "aws_apigatewayv2_api": _API_GATEWAY,
    "aws_route53_health_check": _ROUTE53,
    "aws_route53_record": _ROUTE53,
    "aws_vpc_endpoint": _PRIVATELINK,
    "aws_vpn_connection": "https://aws.amazon.com/vpn/pricing/",
    "aws_wafv2_web_acl": "https://aws.amazon.com/waf/pricing/",
    **sources(_TABLE),
}

USAGE_KEYS: dict[str, tuple[str, ...]] = {
    "aws_apigatewayv2_api": tuple(part.key for part in (*_HTTP, *_WEBSOCKET)),
    "aws_route53_record": tuple(part.key for part in _QUERIES),
    "aws_vpc_endpoint": (_ENDPOINT_DATA,),
    "aws_vpn_connection": (_TRANSIT.key,),
    "aws_wafv2_web_acl": ("monthly_requests",),
    **usage_keys(_TABLE),
}
