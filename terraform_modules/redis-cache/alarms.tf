locals {
  # Every alarm looks at the worst node: metric math over the nodes, so that their number does not multiply the alarms.
  # All of them for the lag too: after a failover the first node is a replica. A primary has no lag, hence the FILL.
  every_alarm = {
    engine-cpu = {
      metric    = "EngineCPUUtilization"
      nodes     = local.node_names
      threshold = var.alarm_engine_cpu_percent
      stat      = "Maximum"
      query     = "%s"
      text      = "The engine's one thread is above ${var.alarm_engine_cpu_percent} % for 15 minutes. Look for slow commands in the slow log, or order a larger size."
    }
    memory = {
      metric    = "DatabaseMemoryUsagePercentage"
      nodes     = local.node_names
      threshold = var.alarm_memory_percent
      stat      = "Maximum"
      query     = "%s"
      text      = "Data takes more than ${var.alarm_memory_percent} % of the memory. Above 100 % the policy is ${var.eviction_policy}. Order a larger size, or let keys expire sooner."
    }
    evictions = {
      metric    = "Evictions"
      nodes     = local.node_names
      threshold = var.alarm_evictions
      stat      = "Sum" # counted by the minute
      query     = "%s"
      text      = "More than ${var.alarm_evictions} keys were evicted in each of three 5 minutes: what is looked up is no longer there. Order a larger size, or let keys expire sooner."
    }
    connections = {
      metric    = "CurrConnections"
      nodes     = local.node_names
      threshold = var.alarm_connections
      stat      = "Maximum"
      query     = "%s"
      text      = "A node has more than ${var.alarm_connections} connections; ElastiCache takes 65000, on small nodes fewer. Look for clients that open one for each request."
    }
    replication-lag = {
      metric    = "ReplicationLag"
      nodes     = var.replica_count > 0 ? local.node_names : []
      threshold = var.alarm_replication_lag_s
      stat      = "Maximum"
      query     = "FILL(%s, 0)"
      text      = "A replica is more than ${var.alarm_replication_lag_s} s behind: what it has not received is lost when the primary fails. Look for large writes, or order a larger size."
    }
  }

  alarms = { for name, alarm in local.every_alarm : name => alarm if length(alarm.nodes) > 0 }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.identifier}-${each.key}"
  alarm_description   = each.value.text
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "missing"
  alarm_actions       = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)
  ok_actions          = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)

  metric_query {
    id          = "worst"
    expression  = "MAX([${join(",", [for index, node in each.value.nodes : format(each.value.query, "node${index}")])}])"
    label       = "${each.value.metric} of the worst node"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.nodes

    content {
      id          = "node${metric_query.key}"
      return_data = false

      metric {
        namespace   = "AWS/ElastiCache"
        metric_name = each.value.metric
        dimensions  = { CacheClusterId = metric_query.value }
        period      = 300
        stat        = each.value.stat
      }
    }
  }

  tags = { Name = "${local.identifier}-${each.key}" }
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.identifier}-alarms"
  display_name      = "Alarms of ${local.identifier}"
  kms_master_key_id = local.kms_key_arn

  tags = { Name = "${local.identifier}-alarms" }
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsOfThisCache"
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
