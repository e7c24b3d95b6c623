output "endpoint" {
  description = "Host name of the primary, which takes reads and writes and follows a failover."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "reader_endpoint" {
  description = "Host name that spreads reads over the replicas; the primary's own where there is none."
  value       = aws_elasticache_replication_group.this.reader_endpoint_address
}

output "port" {
  description = "TCP port of both endpoints; TLS only."
  value       = local.port
}

output "user_name" {
  description = "User that signs in with a token from IAM."
  value       = aws_elasticache_user.this.user_name
}

output "replication_group_id" {
  description = "Name of the cache, which a sign-in token is made for."
  value       = aws_elasticache_replication_group.this.replication_group_id
}

output "security_group_id" {
  description = "Security group of the nodes."
  value       = aws_security_group.cache.id
}

output "consumer_policy_json" {
  description = "IAM policy for the service that uses the cache: sign in as this user to this cache."
  value       = data.aws_iam_policy_document.consumer.json
}

output "alarm_topic_arn" {
  description = "ARN of the SNS topic that gets every alarm. Subscribe the on-call channel to it."
  value       = aws_sns_topic.alarms.arn
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts data, snapshots, logs and alarms."
  value       = local.kms_key_arn
}

output "console_url" {
  description = "Page of the cache in the AWS console."
  value       = "https://${local.region}.console.aws.amazon.com/elasticache/home?region=${local.region}#/valkey/${local.identifier}"
}
