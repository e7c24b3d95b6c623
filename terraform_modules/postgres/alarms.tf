locals {
  gib = 1024 * 1024 * 1024

  # Memory of the instance class: t4g and m classes have the same at the same size, r classes twice as much.
  memory_gib_by_size = {
    micro     = 1, small = 2, medium = 4, large = 8, xlarge = 16, "2xlarge" = 32, "4xlarge" = 64,
    "8xlarge" = 128, "12xlarge" = 192, "16xlarge" = 256
  }
  class_family = split(".", var.instance_class)[1]
  class_size   = split(".", var.instance_class)[2]
  memory_bytes = local.memory_gib_by_size[local.class_size] * (startswith(local.class_family, "r") ? 2 : 1) * local.gib

  # DBInstanceClassMemory is what the operating system and RDS leave over, about nine tenths of the class's memory.
  connection_limit = var.max_connections == null ? min(floor(local.memory_bytes * 0.9 / 9531392), 5000) : var.max_connections

  every_instance_alarms = {
    cpu = {
      metric    = "CPUUtilization"
      statistic = "Average"
      compare   = "GreaterThanThreshold"
      threshold = var.alarm_cpu_percent
      missing   = "missing"
      text      = "CPU above ${var.alarm_cpu_percent} % for 15 minutes. Look at the top statements in Database Insights, or order a larger size."
    }
    storage = {
      metric    = "FreeStorageSpace"
      statistic = "Minimum"
      compare   = "LessThanThreshold"
      threshold = floor(var.allocated_storage_gb * local.gib * var.alarm_free_storage_percent / 100)
      missing   = "missing"
      text      = "Less than ${var.alarm_free_storage_percent} % of the allocated storage is free. Raise max_allocated_storage_gb before it is full."
    }
    connections = {
      metric    = "DatabaseConnections"
      statistic = "Maximum"
      compare   = "GreaterThanThreshold"
      threshold = floor(local.connection_limit * var.alarm_connections_percent / 100)
      missing   = "missing"
      text      = "More than ${var.alarm_connections_percent} % of about ${local.connection_limit} connections are in use. Pool them, or order a larger size."
    }
    memory = {
      metric    = "FreeableMemory"
      statistic = "Minimum"
      compare   = "LessThanThreshold"
      threshold = floor(local.memory_bytes * 0.05)
      missing   = "missing"
      text      = "Less than 5 % of memory is free. Allow fewer connections or less work_mem, or order a larger size."
    }
  }

  primary_alarms = {
    # PostgreSQL stops accepting writes at about 2.1 billion.
    transaction-ids = {
      metric    = "MaximumUsedTransactionIDs"
      statistic = "Maximum"
      compare   = "GreaterThanThreshold"
      threshold = 1000000000
      missing   = "missing"
      text      = "More than 1 billion transaction ids are in use. Find what holds autovacuum back before writes stop."
    }
  }

  replica_alarms = {
    # A replica whose replication broke may report no lag at all: silence is an alarm.
    replica-lag = {
      metric    = "ReplicaLag"
      statistic = "Maximum"
      compare   = "GreaterThanThreshold"
      threshold = var.alarm_replica_lag_s
      missing   = "breaching"
      text      = "The replica is more than ${var.alarm_replica_lag_s} s behind, or does not replicate."
    }
  }

  alarms = merge([
    for key, identifier in local.instance_identifiers : {
      for name, alarm in merge(local.every_instance_alarms, key == "primary" ? local.primary_alarms : local.replica_alarms) :
      "${key}-${name}" => merge(alarm, { identifier = identifier, name = name })
    }
  ]...)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${each.value.identifier}-${each.value.name}"
  alarm_description   = each.value.text
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = each.value.identifier }
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  comparison_operator = each.value.compare
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)
  ok_actions          = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)

  tags = { Name = "${each.value.identifier}-${each.value.name}" }
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.identifier}-alarms"
  display_name      = "Alarms of ${local.identifier}"
  kms_master_key_id = local.kms_key_arn

  tags = { Name = "${local.identifier}-alarms" }
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsOfThisDatabase"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${local.identifier}-*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}
