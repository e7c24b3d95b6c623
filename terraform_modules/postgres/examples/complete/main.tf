# A production database as the portal orders it, used directly from Terraform.

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

module "postgres" {
  source = "../.."

  name        = "orders-db"
  environment = "production"

  instance_class           = "db.r6g.large"
  allocated_storage_gb     = 100
  max_allocated_storage_gb = 500

  multi_az              = true
  backup_retention_days = 14
  deletion_protection   = true
  final_snapshot        = true

  proxy_enabled              = true
  iam_authentication_enabled = true
  monitoring_interval_s      = 60
  log_retention_days         = 90
}

output "endpoint" {
  description = "Host name that clients connect to."
  value       = module.postgres.endpoint
}

output "secret_arn" {
  description = "Secret with the master user's password."
  value       = module.postgres.secret_arn
}
