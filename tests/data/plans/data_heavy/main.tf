# Much is read and little is made: policy documents, the account, the network; and resources that exist already.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

variable "archive" {
  type    = bool
  default = false
}

provider "aws" {
  region = "us-east-1"
  default_tags {
    tags = {
      service     = "ledger"
      team-owner  = "payments"
      cost-center = "CC-200"
      environment = "production"
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}
data "aws_default_tags" "current" {}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "read" {
  for_each = toset(["invoices", "receipts", "statements"])
  statement {
    actions = ["s3:GetObject"]
    resources = [
      "arn:${data.aws_partition.current.partition}:s3:::ledger-${data.aws_caller_identity.current.account_id}-${each.key}/*",
    ]
  }
}

# Reads what is known only after the apply, so it is itself read only then.
data "aws_iam_policy_document" "key" {
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.reader.arn]
    }
  }
}

resource "aws_iam_role" "reader" {
  name               = "ledger-reader"
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = merge(data.aws_default_tags.current.tags, { criticality = "tier-1" })
}

resource "aws_iam_policy" "read" {
  for_each = data.aws_iam_policy_document.read
  name     = "ledger-read-${each.key}"
  policy   = each.value.json
}

resource "aws_kms_key" "ledger" {
  description = "ledger in ${data.aws_region.current.region}"
  policy      = data.aws_iam_policy_document.key.json
  tags        = { criticality = "tier-1" }
}

# Exists when the plan is made, and is left alone by it.
resource "aws_s3_bucket" "existing" {
  bucket = "ledger-existing-example"
}

# Comes in the second plan, so that it makes something.
resource "aws_s3_bucket" "archive" {
  count  = var.archive ? 1 : 0
  bucket = "ledger-archive-example"
  tags   = { criticality = "tier-3" }
}
