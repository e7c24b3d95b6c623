output "endpoint" {
  description = "Host name that clients connect to: the proxy's when the proxy is on, otherwise the instance's."
  value       = var.proxy_enabled ? aws_db_proxy.this[0].endpoint : aws_db_instance.this.address
}

output "instance_endpoint" {
  description = "Host name of the instance itself, for migrations and sessions that must not be pooled."
  value       = aws_db_instance.this.address
}

output "reader_endpoints" {
  description = "Host names of the read replicas; empty without replicas."
  value       = [for replica in aws_db_instance.replica : replica.address]
}

output "port" {
  description = "TCP port of every endpoint."
  value       = local.port
}

output "database_name" {
  description = "Name of the first database inside the instance."
  value       = var.database_name
}

output "username" {
  description = "Master user; its password is in the secret."
  value       = local.master_username
}

output "secret_arn" {
  description = "ARN of the Secrets Manager secret with the master user's name and password. RDS rotates it every seven days."
  value       = local.secret_arn
}

output "security_group_id" {
  description = "Security group of the instance and its replicas."
  value       = aws_security_group.database.id
}

output "alarm_topic_arn" {
  description = "ARN of the SNS topic that gets every alarm. Subscribe the on-call channel to it."
  value       = aws_sns_topic.alarms.arn
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts storage, secret, logs and alarms."
  value       = local.kms_key_arn
}

output "consumer_policy_json" {
  description = "IAM policy for the service that uses the database: read the secret and, with IAM authentication, sign in."
  value       = data.aws_iam_policy_document.consumer.json
}

output "identifier" {
  description = "AWS identifier of the instance."
  value       = aws_db_instance.this.identifier
}

output "console_url" {
  description = "Page of the instance in the AWS console."
  value       = "https://${local.region}.console.aws.amazon.com/rds/home?region=${local.region}#database:id=${local.identifier};is-cluster=false"
}
