# A production queue as the portal orders it, used directly from Terraform, and a FIFO queue in high throughput mode.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
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

module "placed_orders" {
  source = "../.."

  name        = "placed-orders"
  environment = "production"

  visibility_timeout_s       = 180
  message_retention_days     = 7
  dead_letter_retention_days = 14
  event_source_arns          = ["arn:aws:sns:us-east-1:123456789012:orders-placed"]
  alarm_oldest_message_age_s = 600
  dashboard_enabled          = true
}

module "stock_changes" {
  source = "../.."

  name        = "stock-changes"
  environment = "production"

  queue_type                  = "fifo"
  content_based_deduplication = true
  high_throughput             = true
}

output "queue_url" {
  description = "Where services send placed orders."
  value       = module.placed_orders.queue_url
}

output "consumer_policy_json" {
  description = "IAM policy for the service that processes placed orders."
  value       = module.placed_orders.consumer_policy_json
}
