resource "aws_cloudwatch_metric_alarm" "failed_deliveries" {
  alarm_name          = "${local.identifier}-failed-deliveries"
  alarm_description   = "${local.identifier} could not deliver messages to a subscriber, and gave up. Look at the subscriber's endpoint and permissions."
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfNotificationsFailed"
  dimensions          = { TopicName = aws_sns_topic.this.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching" # a topic that nobody uses reports nothing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  tags = { Name = "${local.identifier}-failed-deliveries" }
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.identifier}-alarms"
  display_name      = "Alarms of ${local.identifier}"
  kms_master_key_id = aws_kms_key.this.arn

  tags = { Name = "${local.identifier}-alarms" }
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsOfThisTopic"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
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
