output "group_name" {
  description = "Name of the Auto Scaling group."
  value       = aws_autoscaling_group.this.name
}

output "security_group_id" {
  description = "Security group of the machines, for what they connect to."
  value       = aws_security_group.this.id
}

output "role_arn" {
  description = "Role of the machines, for policies of what they use."
  value       = aws_iam_role.instance.arn
}

output "role_name" {
  description = "Name of the same role."
  value       = aws_iam_role.instance.name
}

output "log_group" {
  description = "CloudWatch log group that the machines write to."
  value       = aws_cloudwatch_log_group.this.name
}

output "operator_policy_json" {
  description = "IAM policy for people and pipelines: sessions on these machines, and rolling out anew."
  value       = data.aws_iam_policy_document.operator.json
}

output "alarm_topic_arn" {
  description = "ARN of the SNS topic that gets every alarm. Subscribe the on-call channel to it."
  value       = aws_sns_topic.alarms.arn
}

output "region" {
  description = "Region of the machines."
  value       = local.region
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts volumes, backups, logs and alarms."
  value       = local.kms_key_arn
}

output "console_url" {
  description = "Page of the group in the AWS console."
  value       = "https://${local.region}.console.aws.amazon.com/ec2/home?region=${local.region}#AutoScalingGroupDetails:id=${local.identifier};view=details"
}
