terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "name" { type = string }
variable "tags" { type = map(string) }

locals {
  queues = { main = "", failed = "-failed" }
}

resource "aws_sqs_queue" "this" {
  for_each = local.queues
  name     = "${var.name}${each.value}"
  tags     = merge(var.tags, { Name = "${var.name}${each.value}" })
}

resource "aws_cloudwatch_metric_alarm" "depth" {
  count               = 1
  alarm_name          = "${var.name}-depth"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 2
  metric_name         = "ApproximateNumberOfMessagesVisible"
  namespace           = "AWS/SQS"
  period              = 60
  statistic           = "Maximum"
  threshold           = 100
  dimensions          = { QueueName = aws_sqs_queue.this["main"].name }
  tags                = var.tags
}
