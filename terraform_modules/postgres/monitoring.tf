locals {
  exported_logs = ["postgresql", "upgrade"]

  log_groups = {
    for pair in setproduct(keys(local.instance_identifiers), local.exported_logs) :
    "${pair[0]}-${pair[1]}" => "/aws/rds/instance/${local.instance_identifiers[pair[0]]}/${pair[1]}"
  }
}

resource "aws_cloudwatch_log_group" "postgresql" {
  # checkov:skip=CKV_AWS_338: how long logs are kept is a parameter: a year of a development environment's logs is paid for and read by nobody
  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn

  tags = { Name = each.value }
}

data "aws_iam_policy_document" "monitoring_trust" {
  count = var.monitoring_interval_s > 0 ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:rds:${local.region}:${local.account_id}:db:${local.identifier}*"]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  count = var.monitoring_interval_s > 0 ? 1 : 0

  name               = "${local.identifier}-monitoring"
  description        = "Lets RDS publish operating system metrics of ${local.identifier}"
  assume_role_policy = data.aws_iam_policy_document.monitoring_trust[0].json

  tags = { Name = "${local.identifier}-monitoring" }
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  count = var.monitoring_interval_s > 0 ? 1 : 0

  role       = aws_iam_role.monitoring[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
