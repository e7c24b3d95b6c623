# A production object store as the portal orders it, used directly from Terraform.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.22, < 7.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = {
      service     = "orders"
      team-owner  = "shop"
      cost-center = "cc-1001"
      environment = "production"
      criticality = "tier-1"
    }
  }
}

module "object_store" {
  source = "../.."

  name        = "orders-invoices"
  environment = "production"

  versioning_enabled                = true
  noncurrent_version_retention_days = 90
  infrequent_access_after_days      = 90
  archive_after_days                = 365

  encryption           = "aws:kms"
  access_log_bucket    = "shop-access-logs-123456789012"
  delete_with_contents = false

  request_metrics_enabled = true
  alarm_size_gb           = 5000
}

output "bucket_name" {
  description = "Name of the bucket."
  value       = module.object_store.bucket_name
}

output "read_write_policy_json" {
  description = "IAM policy for the role of the service."
  value       = module.object_store.read_write_policy_json
}
