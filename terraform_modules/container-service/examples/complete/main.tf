# A public production service as the portal orders it, used directly from Terraform.

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

module "service" {
  source = "../.."

  name        = "orders-api"
  environment = "production"

  image     = "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders:1.4.2"
  public    = true
  zone_name = "apps.example.com"

  cpu_units  = 512
  memory_mib = 1024
  min_tasks  = 2
  max_tasks  = 6

  environment_variables = { LOG_LEVEL = "info" }
  secret_arns           = { DATABASE_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:orders-a1b2c3" }

  container_insights = true
  log_retention_days = 90
  dashboard_enabled  = true
}

output "url" {
  description = "Address of the service."
  value       = module.service.url
}
