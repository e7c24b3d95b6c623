output "queue_url" {
  description = "URL of the queue: what SDKs send to and receive from."
  value       = aws_sqs_queue.this.url
}

output "queue_arn" {
  description = "ARN of the queue, for event source mappings and subscriptions."
  value       = aws_sqs_queue.this.arn
}

output "queue_name" {
  description = "Name of the queue: the QueueName dimension of its metrics."
  value       = aws_sqs_queue.this.name
}

output "dead_letter_queue_url" {
  description = "URL of the dead-letter queue."
  value       = aws_sqs_queue.dead_letter.url
}

output "dead_letter_queue_arn" {
  description = "ARN of the dead-letter queue, from which messages are moved back."
  value       = aws_sqs_queue.dead_letter.arn
}

output "dead_letter_queue_name" {
  description = "Name of the dead-letter queue."
  value       = aws_sqs_queue.dead_letter.name
}

output "consumer_policy_json" {
  description = "IAM policy for the service that receives: receive, delete and extend messages of this queue, nothing else."
  value       = data.aws_iam_policy_document.consumer.json
}

output "producer_policy_json" {
  description = "IAM policy for the services that send: send to this queue, nothing else."
  value       = data.aws_iam_policy_document.producer.json
}

output "redrive_policy_json" {
  description = "IAM policy for people on call: read dead letters, delete them, or move them back to the queue."
  value       = data.aws_iam_policy_document.redrive.json
}

output "alarm_topic_arn" {
  description = "ARN of the SNS topic that gets every alarm; empty without alarms. Subscribe the on-call channel to it."
  value       = var.alarms_enabled ? aws_sns_topic.alarms[0].arn : ""
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts messages and alarms; empty when there is none."
  value       = local.needs_key ? local.kms_key_arn : ""
}

output "dashboard_url" {
  description = "Page of the CloudWatch dashboard; empty without one."
  value       = var.dashboard_enabled ? "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${local.identifier}" : ""
}

output "console_url" {
  description = "Page of the queue in the AWS console."
  value       = "https://${local.region}.console.aws.amazon.com/sqs/v3/home?region=${local.region}#/queues/${urlencode(aws_sqs_queue.this.url)}"
}
