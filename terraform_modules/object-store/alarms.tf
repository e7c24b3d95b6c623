locals {
  # The name is also the value of the metrics' dimension FilterId.
  metrics_filter = "EntireBucket"

  # Free in CloudWatch, and measured once a day; a day without a measurement changes nothing.
  storage_alarms = {
    size = {
      metric     = "BucketSizeBytes"
      dimensions = { StorageType = "StandardStorage" }
      period     = 86400
      datapoints = 1
      threshold  = var.alarm_size_gb * 1024 * 1024 * 1024
      missing    = "ignore"
      text       = "More than ${var.alarm_size_gb} GB in S3 Standard. Let objects expire or move them to a cheaper class, or raise alarm_size_gb."
    }
  }

  # The average of these metrics is the share of requests. Without requests there are no measurements, and no error.
  request_alarms = {
    client-errors = {
      metric     = "4xxErrors"
      dimensions = { FilterId = local.metrics_filter }
      period     = 300
      datapoints = 3
      threshold  = var.alarm_client_errors_percent / 100
      missing    = "notBreaching"
      text       = "More than ${var.alarm_client_errors_percent} % of the requests are refused for 15 minutes. Look for a changed policy, key or object name."
    }
    server-errors = {
      metric     = "5xxErrors"
      dimensions = { FilterId = local.metrics_filter }
      period     = 300
      datapoints = 3
      threshold  = var.alarm_server_errors_percent / 100
      missing    = "notBreaching"
      text       = "More than ${var.alarm_server_errors_percent} % of the requests fail in S3 for 15 minutes. Spread the load over more prefixes and retry with back-off; look at AWS Health."
    }
  }

  alarms = merge(local.storage_alarms, var.request_metrics_enabled ? local.request_alarms : {})
}

resource "aws_s3_bucket_metric" "this" {
  count = var.request_metrics_enabled ? 1 : 0

  bucket = aws_s3_bucket.this.id
  name   = local.metrics_filter
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.identifier}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/S3"
  metric_name         = each.value.metric
  dimensions          = merge({ BucketName = local.bucket }, each.value.dimensions)
  statistic           = "Average"
  period              = each.value.period
  evaluation_periods  = each.value.datapoints
  datapoints_to_alarm = each.value.datapoints
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)
  ok_actions          = concat([aws_sns_topic.alarms.arn], var.alarm_action_arns)

  tags = { Name = "${local.identifier}-${each.key}" }
}

# With AES256 the topic has no key: the key that AWS manages for SNS does not let CloudWatch publish.
resource "aws_sns_topic" "alarms" {
  name              = "${local.identifier}-alarms"
  display_name      = "Alarms of ${local.identifier}"
  kms_master_key_id = local.kms_key_arn

  tags = { Name = "${local.identifier}-alarms" }
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsOfThisBucket"
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
