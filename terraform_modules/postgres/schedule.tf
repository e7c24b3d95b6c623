# RDS starts a stopped instance again by itself after seven days; the schedule stops it every evening.
locals {
  office_actions = var.office_hours_only ? {
    start = { hour = var.office_start_hour, call = "startDBInstance" }
    stop  = { hour = var.office_end_hour, call = "stopDBInstance" }
  } : {}
}

data "aws_iam_policy_document" "office_trust" {
  count = var.office_hours_only ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role" "office" {
  count = var.office_hours_only ? 1 : 0

  name               = "${local.identifier}-office"
  description        = "Lets EventBridge Scheduler start and stop ${local.identifier}"
  assume_role_policy = data.aws_iam_policy_document.office_trust[0].json

  tags = { Name = "${local.identifier}-office" }
}

data "aws_iam_policy_document" "office" {
  count = var.office_hours_only ? 1 : 0

  statement {
    sid       = "StartAndStopThisInstance"
    actions   = ["rds:StartDBInstance", "rds:StopDBInstance"]
    resources = [aws_db_instance.this.arn]
  }
}

resource "aws_iam_role_policy" "office" {
  count = var.office_hours_only ? 1 : 0

  name   = "start-and-stop"
  role   = aws_iam_role.office[0].name
  policy = data.aws_iam_policy_document.office[0].json
}

resource "aws_scheduler_schedule" "office" {
  # checkov:skip=CKV_AWS_297: it holds the name of the instance and an hour, and no data of anybody

  for_each = local.office_actions

  name                         = "${local.identifier}-${each.key}"
  description                  = "Office hours of ${local.identifier}"
  schedule_expression          = "cron(0 ${each.value.hour} ? * MON-FRI *)"
  schedule_expression_timezone = var.time_zone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:rds:${each.value.call}"
    role_arn = aws_iam_role.office[0].arn
    input    = jsonencode({ DbInstanceIdentifier = local.identifier })

    # An instance that is already in the wanted state refuses: nothing to repeat.
    retry_policy {
      maximum_retry_attempts = 2
    }
  }
}
