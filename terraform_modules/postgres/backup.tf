# Beside the automated backups: in a vault of its own, so that whoever deletes the one has not deleted the other.
resource "aws_backup_vault" "this" {
  count = var.backup_plan_retention_days > 0 ? 1 : 0

  name        = substr("rds-${local.identifier}", 0, 50)
  kms_key_arn = local.kms_key_arn

  tags = { Name = local.identifier }
}

resource "aws_backup_plan" "this" {
  count = var.backup_plan_retention_days > 0 ? 1 : 0

  name = substr("rds-${local.identifier}", 0, 50)

  rule {
    rule_name           = "daily"
    target_vault_name   = aws_backup_vault.this[0].name
    schedule            = "cron(0 5 * * ? *)"
    recovery_point_tags = merge(data.aws_default_tags.current.tags, { Name = local.identifier })

    lifecycle {
      delete_after = var.backup_plan_retention_days
    }
  }

  tags = { Name = local.identifier }
}

data "aws_iam_policy_document" "backup_trust" {
  count = var.backup_plan_retention_days > 0 ? 1 : 0

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
  count = var.backup_plan_retention_days > 0 ? 1 : 0

  name               = "${local.identifier}-backup"
  description        = "Lets AWS Backup copy ${local.identifier}"
  assume_role_policy = data.aws_iam_policy_document.backup_trust[0].json

  tags = { Name = "${local.identifier}-backup" }
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset(var.backup_plan_retention_days > 0 ? [
    "service-role/AWSBackupServiceRolePolicyForBackup",
  ] : [])

  role       = aws_iam_role.backup[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.value}"
}

resource "aws_backup_selection" "this" {
  count = var.backup_plan_retention_days > 0 ? 1 : 0

  name         = "this"
  plan_id      = aws_backup_plan.this[0].id
  iam_role_arn = aws_iam_role.backup[0].arn
  resources    = [aws_db_instance.this.arn]
}
