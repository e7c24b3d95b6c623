terraform {
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      configuration_aliases = [aws.replica]
    }
  }
}

variable "name" { type = string }
variable "queues" { type = set(string) }
variable "tags" { type = map(string) }

module "queue" {
  source   = "../queue"
  for_each = var.queues

  name = "${var.name}-${each.key}"
  tags = merge(var.tags, { cost-center = "cc-100" })
}

resource "aws_s3_bucket" "this" {
  bucket = "${var.name}-example-data"
  tags   = var.tags
}

resource "aws_s3_bucket" "replica" {
  provider = aws.replica
  bucket   = "${var.name}-example-replica"
}
