locals {
  load_balancer = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.this.arn_suffix }
  service       = { ClusterName = local.identifier, ServiceName = local.identifier }

  every_alarm = {
    latency = {
      namespace  = "AWS/ApplicationELB", metric = "TargetResponseTime", statistic = null, extended = "p99"
      dimensions = local.load_balancer, threshold = var.alarm_latency_s
      text       = "One request in a hundred takes more than ${var.alarm_latency_s} s for 15 minutes. Look at what the application waits for, or at its CPU."
    }
    unhealthy = {
      namespace  = "AWS/ApplicationELB", metric = "UnHealthyHostCount", statistic = "Maximum", extended = null
      dimensions = local.load_balancer, threshold = 0
      text       = "A task fails its health check for 15 minutes. Look at the service's events and the task's log."
    }
    cpu = {
      namespace  = "AWS/ECS", metric = "CPUUtilization", statistic = "Average", extended = null
      dimensions = local.service, threshold = var.alarm_cpu_percent
      text       = "CPU above ${var.alarm_cpu_percent} % on average for 15 minutes. Raise max_tasks, or order a larger size."
    }
    memory = {
      namespace  = "AWS/ECS", metric = "MemoryUtilization", statistic = "Maximum", extended = null
      dimensions = local.service, threshold = var.alarm_memory_percent
      text       = "A task uses more than ${var.alarm_memory_percent} % of its memory for 15 minutes; at 100 % ECS ends it. Look for a leak, or order a larger size."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.every_alarm

  alarm_name          = "${local.identifier}-${each.key}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  extended_statistic  = each.value.extended
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)
  ok_actions          = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)

  tags = { Name = "${local.identifier}-${each.key}" }
}

# A ratio, not a number: ten errors are nothing at a million requests and everything at ten.
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${local.identifier}-errors"
  alarm_description   = "More than ${var.alarm_error_percent} % of the requests fail with 5xx for 15 minutes. Look at the last deployment and the tasks' log."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_error_percent
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)
  ok_actions          = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)

  metric_query {
    id          = "ratio"
    expression  = "100 * FILL(failed, 0) / requests"
    label       = "Failed requests, in percent"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { failed = "HTTPCode_Target_5XX_Count", requests = "RequestCount" }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value
        dimensions  = local.load_balancer
        period      = 300
        stat        = "Sum"
      }
    }
  }

  tags = { Name = "${local.identifier}-errors" }
}

# Against what is wanted now, so that an office that is closed is no outage. Only Container Insights counts both.
resource "aws_cloudwatch_metric_alarm" "missing" {
  count = var.container_insights ? 1 : 0

  alarm_name          = "${local.identifier}-missing"
  alarm_description   = "Fewer tasks run than wanted for 15 minutes. Look at the service's events: an image that cannot be pulled, a secret that cannot be read, no capacity, a failing health check."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "missing"
  alarm_actions       = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)
  ok_actions          = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)

  metric_query {
    id          = "missing"
    expression  = "wanted - running"
    label       = "Tasks that are wanted and do not run"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { wanted = "DesiredTaskCount", running = "RunningTaskCount" }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "ECS/ContainerInsights"
        metric_name = metric_query.value
        dimensions  = local.service
        period      = 300
        stat        = "Minimum"
      }
    }
  }

  tags = { Name = "${local.identifier}-missing" }
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.identifier}-alarms"
  display_name      = "Alarms of ${local.identifier}"
  kms_master_key_id = local.kms_key_arn

  tags = { Name = "${local.identifier}-alarms" }
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsOfThisService"
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
