locals {
  # An idle queue reports nothing, and nothing is wrong with it: missing data is no alarm.
  every_alarm = {
    oldest-message = {
      queue     = local.queue_name
      metric    = "ApproximateAgeOfOldestMessage"
      threshold = var.alarm_oldest_message_age_s
      periods   = 3
      text      = "The oldest message has waited more than ${var.alarm_oldest_message_age_s} s for 15 minutes. Look whether consumers run and keep up; messages are lost after ${var.message_retention_days} days."
    }
    backlog = {
      queue     = local.queue_name
      metric    = "ApproximateNumberOfMessagesVisible"
      threshold = var.alarm_backlog_messages
      periods   = 3
      text      = "More than ${var.alarm_backlog_messages} messages have waited for 15 minutes. Add consumers, or find the producer that sends more than usual."
    }
    # At the limit of 120,000 SQS hands out no further message: consumers that do not delete stop the queue.
    in-flight = {
      queue     = local.queue_name
      metric    = "ApproximateNumberOfMessagesNotVisible"
      threshold = var.alarm_in_flight_messages
      periods   = 3
      text      = "More than ${var.alarm_in_flight_messages} messages are received and not deleted; SQS stops at 120000. Look for consumers that do not delete, or a visibility timeout that is too long."
    }
    # One is enough: it stays on until somebody has looked at every dead letter.
    dead-letters = {
      queue     = local.dead_letter_name
      metric    = "ApproximateNumberOfMessagesVisible"
      threshold = 0
      periods   = 1
      text      = "Messages failed ${var.max_receive_count} times and wait in ${local.dead_letter_name}. Mend the consumer, then redrive or delete them; SQS deletes them ${var.dead_letter_retention_days} days after they were sent."
    }
  }

  alarms = { for name, alarm in local.every_alarm : name => alarm if var.alarms_enabled }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.identifier}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat(aws_sns_topic.alarms[*].arn, var.alarm_action_arns)
  ok_actions          = concat(aws_sns_topic.alarms[*].arn, var.alarm_action_arns)

  tags = { Name = "${local.identifier}-${each.key}" }
}

resource "aws_sns_topic" "alarms" {
  count = var.alarms_enabled ? 1 : 0

  name              = "${local.identifier}-alarms"
  display_name      = "Alarms of ${local.identifier}"
  kms_master_key_id = local.kms_key_arn

  tags = { Name = "${local.identifier}-alarms" }
}

data "aws_iam_policy_document" "alarms" {
  count = var.alarms_enabled ? 1 : 0

  statement {
    sid       = "AlarmsOfThisQueue"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[0].arn]

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
    resources = [aws_sns_topic.alarms[0].arn]

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
  count = var.alarms_enabled ? 1 : 0

  arn    = aws_sns_topic.alarms[0].arn
  policy = data.aws_iam_policy_document.alarms[0].json
}
