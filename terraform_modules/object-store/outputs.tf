output "bucket_name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "region" {
  description = "Region of the bucket; clients must be set to it."
  value       = aws_s3_bucket.this.bucket_region
}

output "endpoint" {
  description = "Host name of the bucket in its region."
  value       = aws_s3_bucket.this.bucket_regional_domain_name
}

output "read_policy_json" {
  description = "IAM policy for a service that reads: list the bucket, get objects, decrypt them."
  value       = data.aws_iam_policy_document.reader.json
}

output "read_write_policy_json" {
  description = "IAM policy for a service that also writes: put and delete objects, upload in parts, encrypt. Former versions stay out of reach."
  value       = data.aws_iam_policy_document.writer.json
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts objects and alarms; null with the encryption AES256."
  value       = local.kms_key_arn
}

output "alarm_topic_arn" {
  description = "ARN of the SNS topic that gets every alarm. Subscribe the on-call channel to it."
  value       = aws_sns_topic.alarms.arn
}

output "console_url" {
  description = "Page of the bucket in the AWS console."
  value       = "https://${local.region}.console.aws.amazon.com/s3/buckets/${local.bucket}?region=${local.region}"
}
