data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  fifo = var.queue_type == "fifo"

  # At most 40 + 1 + 12 = 53 characters; the longest suffix, "-dlq.fifo", keeps it within the 80 that SQS takes.
  # AWS wants the name of a FIFO queue to end in .fifo, and its dead-letter queue to be FIFO too.
  identifier       = "${var.name}-${var.environment}"
  suffix           = local.fifo ? ".fifo" : ""
  queue_name       = "${local.identifier}${local.suffix}"
  dead_letter_name = "${local.identifier}-dlq${local.suffix}"

  # The two queues name each other, so their ARNs are made from the names. A plan then shows every policy in full.
  queue_arn       = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.queue_name}"
  dead_letter_arn = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.dead_letter_name}"

  day_s = 24 * 60 * 60
}

resource "aws_sqs_queue" "this" {
  name       = local.queue_name
  fifo_queue = local.fifo

  content_based_deduplication = var.content_based_deduplication
  deduplication_scope         = !local.fifo ? null : var.high_throughput ? "messageGroup" : "queue"
  fifo_throughput_limit       = !local.fifo ? null : var.high_throughput ? "perMessageGroupId" : "perQueue"

  visibility_timeout_seconds = var.visibility_timeout_s
  message_retention_seconds  = var.message_retention_days * local.day_s
  receive_wait_time_seconds  = var.receive_wait_time_s
  delay_seconds              = var.delay_s
  max_message_size           = var.max_message_size_kib * 1024

  redrive_policy = jsonencode({
    deadLetterTargetArn = local.dead_letter_arn
    maxReceiveCount     = var.max_receive_count
  })
  # Nobody's dead-letter queue: a queue that fails into this one would hand its messages to the wrong consumer.
  redrive_allow_policy = jsonencode({ redrivePermission = "denyAll" })

  kms_master_key_id                 = local.queue_kms_key_arn
  kms_data_key_reuse_period_seconds = local.sse_kms ? var.kms_data_key_reuse_s : null
  sqs_managed_sse_enabled           = local.sse_kms ? null : true

  tags = { Name = local.queue_name }

  # SQS takes a redrive policy only when its dead-letter queue exists.
  depends_on = [aws_sqs_queue.dead_letter]

  lifecycle {
    precondition {
      condition     = var.kms_key_arn == null ? true : split(":", var.kms_key_arn)[3] == local.region
      error_message = "SQS uses keys of its own region only. Give a key of ${local.region} in kms_key_arn, or leave it empty for a key of the queue's own."
    }
  }
}

# What a consumer could not process within max_receive_count attempts waits here for people.
resource "aws_sqs_queue" "dead_letter" {
  name       = local.dead_letter_name
  fifo_queue = local.fifo

  visibility_timeout_seconds = var.visibility_timeout_s
  message_retention_seconds  = var.dead_letter_retention_days * local.day_s
  receive_wait_time_seconds  = var.receive_wait_time_s
  max_message_size           = var.max_message_size_kib * 1024

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.queue_arn]
  })

  kms_master_key_id                 = local.queue_kms_key_arn
  kms_data_key_reuse_period_seconds = local.sse_kms ? var.kms_data_key_reuse_s : null
  sqs_managed_sse_enabled           = local.sse_kms ? null : true

  tags = { Name = local.dead_letter_name }
}
