output "topic_arn" {
  description = "ARN of the topic, to publish and to subscribe to."
  value       = aws_sns_topic.this.arn
}

output "alarm_topic_arn" {
  description = "ARN of the topic that alarms go to, to subscribe to."
  value       = aws_sns_topic.alarms.arn
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts messages and alarms."
  value       = aws_kms_key.this.arn
}

output "publisher_policy_json" {
  description = "IAM policy for the services that publish: this topic and its key, nothing else."
  value       = data.aws_iam_policy_document.publisher.json
}
