locals {
  group = { AutoScalingGroupName = local.identifier }

  burstable = startswith(var.instance_type, "t4g.")

  every_alarm = merge(local.burstable ? { credits = local.credits_alarm } : {}, {
    cpu = {
      namespace = "AWS/EC2", metric = "CPUUtilization", statistic = "Average", dimensions = local.group
      threshold = var.alarm_cpu_percent
      text      = "CPU above ${var.alarm_cpu_percent} % on average for 15 minutes. Raise max_instances, or order a larger size."
    }
    status-check = {
      namespace = "AWS/EC2", metric = "StatusCheckFailed", statistic = "Maximum", dimensions = local.group
      threshold = 0
      text      = "A machine fails its status checks for 15 minutes and was not replaced. Look at the group's activity history."
    }
    memory = {
      namespace = "CWAgent", metric = "mem_used_percent", statistic = "Maximum", dimensions = local.group
      threshold = var.alarm_memory_percent
      text      = "A machine uses more than ${var.alarm_memory_percent} % of its memory for 15 minutes. Look for a leak, or order a larger size."
    }
    disk = {
      namespace = "CWAgent", metric = "disk_used_percent", statistic = "Maximum", dimensions = local.group
      threshold = var.alarm_disk_percent
      text      = "A machine's root volume is more than ${var.alarm_disk_percent} % full. Remove what is not needed, or order a larger volume."
    }
  })

  # A burstable machine may use more CPU than it has earned; what is charged for that is in no estimate.
  credits_alarm = {
    namespace = "AWS/EC2", metric = "CPUSurplusCreditsCharged", statistic = "Maximum", dimensions = local.group
    threshold = 0
    text      = "A machine is charged for CPU above its baseline for 15 minutes. Order a larger size: the smaller one is the dearer."
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

# Against what is wanted now, so that an office that is closed is no outage.
resource "aws_cloudwatch_metric_alarm" "missing" {
  alarm_name          = "${local.identifier}-missing"
  alarm_description   = "Fewer machines are in service than wanted for 15 minutes. Look at the group's activity history: no capacity, a failing setup script or health check."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "missing"
  alarm_actions       = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)
  ok_actions          = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)

  metric_query {
    id          = "missing"
    expression  = "wanted - serving"
    label       = "Machines that are wanted and not in service"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { wanted = "GroupDesiredCapacity", serving = "GroupInServiceInstances" }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/AutoScaling"
        metric_name = metric_query.value
        dimensions  = local.group
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
    sid       = "AlarmsOfThisGroup"
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
