data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # At most 40 + 1 + 12 = 53 characters.
  identifier = "${var.name}-${var.environment}"
}

resource "aws_sns_topic" "this" {
  name              = local.identifier
  kms_master_key_id = aws_kms_key.this.arn

  tags = { Name = local.identifier }
}
