# A production cache as the portal orders it, used directly from Terraform.

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

module "cache" {
  source = "../.."

  name        = "orders-cache"
  environment = "production"

  node_type       = "cache.r7g.large"
  eviction_policy = "allkeys-lru"

  replica_count           = 1
  multi_az                = true
  snapshot_retention_days = 7
  final_snapshot          = true

  log_retention_days = 90
  dashboard_enabled  = true
}

output "endpoint" {
  description = "Host name of the primary."
  value       = module.cache.endpoint
}
