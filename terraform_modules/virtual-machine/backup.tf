resource "aws_backup_vault" "this" {
  count = var.backup_retention_days > 0 ? 1 : 0

  name        = substr("vm-${local.identifier}", 0, 50)
  kms_key_arn = local.kms_key_arn

  tags = { Name = local.identifier }
}

resource "aws_backup_plan" "this" {
  count = var.backup_retention_days > 0 ? 1 : 0

  name = substr("vm-${local.identifier}", 0, 50)

  rule {
    rule_name           = "daily"
    target_vault_name   = aws_backup_vault.this[0].name
    schedule            = "cron(0 2 * * ? *)"
    recovery_point_tags = local.instance_tags

    lifecycle {
      delete_after = var.backup_retention_days
    }
  }

  tags = { Name = local.identifier }
}

data "aws_iam_policy_document" "backup_trust" {
  count = var.backup_retention_days > 0 ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["backup.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role" "backup" {
  count = var.backup_retention_days > 0 ? 1 : 0

  name               = "${local.identifier}-backup"
  description        = "Lets AWS Backup snapshot the machines of ${local.identifier}"
  assume_role_policy = data.aws_iam_policy_document.backup_trust[0].json

  tags = { Name = "${local.identifier}-backup" }
}

resource "aws_iam_role_policy_attachment" "backup" {
  count = var.backup_retention_days > 0 ? 1 : 0

  role       = aws_iam_role.backup[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
}

# Machines come and go: the tag finds those that are there.
resource "aws_backup_selection" "this" {
  count = var.backup_retention_days > 0 ? 1 : 0

  name         = "machines"
  plan_id      = aws_backup_plan.this[0].id
  iam_role_arn = aws_iam_role.backup[0].arn
  resources    = ["arn:${local.partition}:ec2:*:*:instance/*"]

  condition {
    string_equals {
      key   = "aws:ResourceTag/${local.backup_tag.key}"
      value = local.backup_tag.value
    }
  }
}
