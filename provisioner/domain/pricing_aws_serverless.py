"""Price models of functions, workflows and tables that are paid by use."""

from __future__ import annotations

from decimal import Decimal

from provisioner.domain.pricing import HOURS_PER_MONTH, TIMES, PricedResource, plain
from provisioner.domain.pricing_sheet import ByUse, PriceModel, Rows, Sheet
from provisioner.domain.pricing_table import PriceTable, models, sources, usage_keys

_MILLION = Decimal(1_000_000)
_MS_PER_S = Decimal(1000)
_MB_PER_GB = Decimal(1024)
_S_PER_HOUR = Decimal(3600)

_FUNCTION_MB = Decimal(128)  # what Lambda takes when nothing is said
_ARCHITECTURES = {"x86_64": "x86", "arm64": "arm"}
_DURATION_TIERS = {
    "x86": (
        ("x86.duration.first-6b", 6000 * _MILLION),
        ("x86.duration.next-9b", 15_000 * _MILLION),
        ("x86.duration.over-15b", None),
    ),
    "arm": (
        ("arm.duration.first-7.5b", 7500 * _MILLION),
        ("arm.duration.next-11.25b", 18_750 * _MILLION),
        ("arm.duration.over-18.75b", None),
    ),
}
_CALLS = ByUse("requests", "calls, by number", "lambda", "requests", "monthly_requests", _MILLION)


def _function(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price calls and the memory-time that they take: https://aws.amazon.com/lambda/pricing/."""
    yield from sheet.by_use(resource, _CALLS)
    given = resource.attributes.get("architectures")
    first = given[0] if isinstance(given, list | tuple) and given else "x86_64"
    architecture = _ARCHITECTURES.get(str(first), "x86")
    calls, each_ms = sheet.amount(resource, _CALLS.key), sheet.amount(resource, "request_duration_ms")
    part = ByUse(
        "duration", "memory-time of the calls", "lambda", _DURATION_TIERS[architecture], "request_duration_ms"
    )
    if calls is None or each_ms is None:
        yield sheet.usage(resource, part.component, part.what, part.service, part.tiers[0][0])
        return
    memory_mb = resource.number("memory_size") or _FUNCTION_MB
    quantity = calls.value * each_ms.value * memory_mb / _MS_PER_S / _MB_PER_GB
    basis = (
        f"{plain(calls.value)} ({_CALLS.key}) {TIMES} {plain(each_ms.value)} ms (request_duration_ms) "
        f"{TIMES} {plain(memory_mb)} MB ÷ {plain(_MS_PER_S)} ÷ {plain(_MB_PER_GB)}"
    )
    yield from sheet.used(resource, part, quantity, basis, each_ms.profile)


def _state_machine(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a workflow by its kind: https://aws.amazon.com/step-functions/pricing/."""
    if resource.text("type") != "EXPRESS":
        yield from sheet.by_use(resource, _TRANSITIONS)
        return
    yield from sheet.by_use(resource, _RUNS)
    used = {key: sheet.amount(resource, key) for key in (_RUNS.key, "workflow_duration_ms", "memory_mb")}
    runs, each_ms, memory_mb = used.values()
    if runs is None or each_ms is None or memory_mb is None:
        yield sheet.usage(resource, "duration", "memory-time of the workflows", "sfn", _EXPRESS_TIERS[0][0])
        return
    quantity = runs.value * each_ms.value / _MS_PER_S / _S_PER_HOUR * memory_mb.value / _MB_PER_GB
    basis = (
        f"{plain(runs.value)} ({_RUNS.key}) {TIMES} {plain(each_ms.value)} ms (workflow_duration_ms) "
        f"{TIMES} {plain(memory_mb.value)} MB (memory_mb), in GB-hours"
    )
    part = ByUse("duration", "", "sfn", _EXPRESS_TIERS, "workflow_duration_ms")
    yield from sheet.used(resource, part, quantity, basis, each_ms.profile)


_TRANSITIONS = ByUse(
    "transitions",
    "state transitions, by number",
    "sfn",
    "standard.transitions",
    "monthly_transitions",
    Decimal(1000),
)
_RUNS = ByUse(
    "requests", "workflows started, by number", "sfn", "express.requests", "monthly_requests", _MILLION
)
_EXPRESS_TIERS = (
    ("express.duration.first-1k", Decimal(1000)),
    ("express.duration.next-4k", Decimal(5000)),
    ("express.duration.over-5k", None),
)


def _table(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price a table by its capacity or its requests, and what it keeps: https://aws.amazon.com/dynamodb/pricing/."""
    if resource.text("billing_mode") == "PAY_PER_REQUEST":
        for part in _REQUESTS:
            yield from sheet.by_use(resource, part)
    else:
        for component, attribute, sku_key in (
            ("write capacity", "write_capacity", "wcu.hour"),
            ("read capacity", "read_capacity", "rcu.hour"),
        ):
            units = resource.number(attribute)
            if units is None:
                yield sheet.unpriced(resource, component, resource.missing(attribute, component))
            else:
                yield sheet.hours(resource, component, "dynamodb", sku_key, units, "unit")
        for index in resource.blocks("global_secondary_index"):
            name = index.text("name")
            for way in ("write", "read"):
                units = index.number(f"{way}_capacity")
                if units:
                    component = f"{way} capacity of index {name:.60}"
                    yield sheet.hours(resource, component, "dynamodb", f"{way[0]}cu.hour", units, "unit")
    yield from sheet.by_use(resource, _KEPT)
    if resource.block("point_in_time_recovery").flag("enabled"):
        yield from sheet.by_use(resource, _PITR)
    for part in _OPTIONAL:
        if sheet.amount(resource, part.key) is not None:
            yield from sheet.by_use(resource, part)
    replicas = len(resource.blocks("replica"))
    if replicas:
        reason = (
            f"{replicas} replica{'' if replicas == 1 else 's'} in other regions, with prices of their own."
        )
        yield sheet.unpriced(resource, "replicas", reason)


_REQUESTS = (
    ByUse(
        "writes",
        "write request units, by number",
        "dynamodb",
        "on-demand.writes",
        "monthly_write_request_units",
        _MILLION,
    ),
    ByUse(
        "reads",
        "read request units, by number",
        "dynamodb",
        "on-demand.reads",
        "monthly_read_request_units",
        _MILLION,
    ),
)
_KEPT = ByUse("storage", "data kept, by size", "dynamodb", "storage", "storage_gb")
_PITR = ByUse("point-in-time recovery", "by size", "dynamodb", "pitr.storage", "pitr_backup_storage_gb")
_OPTIONAL = (
    ByUse("backups", "by size", "dynamodb", "backup.storage", "on_demand_backup_storage_gb"),
    ByUse("restores", "by size", "dynamodb", "restore", "monthly_data_restored_gb"),
    ByUse(
        "stream reads",
        "by number",
        "dynamodb",
        "streams.reads",
        "monthly_streams_read_request_units",
        _MILLION,
    ),
)


def _provisioned_concurrency(resource: PricedResource, sheet: Sheet) -> Rows:
    """Price what stands by: its memory is the function's, which is found by name."""
    function = sheet.named("aws_lambda_function", resource.text("function_name"), "function_name", "arn")
    number = resource.number("provisioned_concurrent_executions")
    if function is None or number is None:
        reason = "The function's memory or the number that stands by is not known before the apply."
        yield sheet.unpriced(resource, "standing by", reason)
        return
    memory_mb = function.number("memory_size") or _FUNCTION_MB
    given = function.attributes.get("architectures")
    architecture = "arm" if isinstance(given, list | tuple) and "arm64" in given else "x86"
    quantity = number * memory_mb / _MB_PER_GB * HOURS_PER_MONTH * _S_PER_HOUR
    basis = f"{plain(number)} {TIMES} {plain(memory_mb)} MB {TIMES} {HOURS_PER_MONTH} hours a month, in GB-seconds"
    sku_key = f"{architecture}.provisioned-concurrency"
    yield sheet.line(resource, "standing by", "lambda", sku_key, quantity, basis=basis)


_TABLE = {
    "aws_codebuild_project": PriceTable(
        "https://aws.amazon.com/codebuild/pricing/",
        (ByUse("builds", "minutes of builds", "codebuild", "minutes", "monthly_build_mins"),),
    ),
    "aws_glue_job": PriceTable(
        "https://aws.amazon.com/glue/pricing/",
        (ByUse("jobs", "hours of its workers", "glue", "dpu.hour", "monthly_hours"),),
    ),
}

MODELS: dict[str, PriceModel] = {
    "aws_dynamodb_table": _table,
    "aws_lambda_function": _function,
    "aws_lambda_provisioned_concurrency_config": _provisioned_concurrency,
    "aws_sfn_state_machine": _state_machine,
    **models(_TABLE),
}

SOURCES: dict[str, str] = {
    "aws_dynamodb_table": "https://aws.amazon.com/dynamodb/pricing/",
    "aws_lambda_function": "https://aws.amazon.com/lambda/pricing/",
    "aws_lambda_provisioned_concurrency_config": "https://aws.amazon.com/lambda/pricing/",
    "aws_sfn_state_machine": "https://aws.amazon.com/step-functions/pricing/",
    **sources(_TABLE),
}

USAGE_KEYS: dict[str, tuple[str, ...]] = {
    "aws_dynamodb_table": tuple(part.key for part in (*_REQUESTS, _KEPT, _PITR, *_OPTIONAL)),
    "aws_lambda_function": (_CALLS.key, "request_duration_ms"),
    "aws_sfn_state_machine": (_TRANSITIONS.key, _RUNS.key, "workflow_duration_ms", "memory_mb"),
    **usage_keys(_TABLE),
}
