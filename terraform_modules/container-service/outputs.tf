output "url" {
  description = "Address of the service, over TLS."
  value       = "https://${local.domain}"
}

output "load_balancer_dns_name" {
  description = "Host name of the load balancer itself, for an alias of your own."
  value       = aws_lb.this.dns_name
}

output "cluster_arn" {
  description = "ARN of the ECS cluster, which holds this service alone."
  value       = aws_ecs_cluster.this.arn
}

output "service_arn" {
  description = "ARN of the ECS service."
  value       = aws_ecs_service.this.id
}

output "service_name" {
  description = "Name of service and cluster."
  value       = aws_ecs_service.this.name
}

output "task_role_name" {
  description = "Role of the application, for policies of what it uses."
  value       = aws_iam_role.task.name
}

output "security_group_id" {
  description = "Security group of the tasks, for what they connect to."
  value       = aws_security_group.tasks.id
}

output "log_group" {
  description = "CloudWatch log group of the application."
  value       = aws_cloudwatch_log_group.this.name
}

output "deploy_policy_json" {
  description = "IAM policy for a pipeline: register a task definition, roll out this service and watch it."
  value       = data.aws_iam_policy_document.deploy.json
}

output "alarm_topic_arn" {
  description = "ARN of the SNS topic that gets every alarm. Subscribe the on-call channel to it."
  value       = aws_sns_topic.alarms.arn
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts logs, sessions and alarms."
  value       = local.kms_key_arn
}

output "console_url" {
  description = "Page of the service in the AWS console."
  value       = "https://${local.region}.console.aws.amazon.com/ecs/v2/clusters/${local.identifier}/services/${local.identifier}/health?region=${local.region}"
}
