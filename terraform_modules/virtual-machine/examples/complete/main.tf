# Production machines as the portal orders them, used directly from Terraform.

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

module "machines" {
  source = "../.."

  name        = "orders-worker"
  environment = "production"

  instance_type = "m7g.large"
  volume_gb     = 40
  setup_script  = "dnf install -y nginx && systemctl enable --now nginx"
  app_port      = 80

  min_instances         = 2
  max_instances         = 4
  backup_retention_days = 14
  log_retention_days    = 90
  dashboard_enabled     = true
}

output "group_name" {
  description = "Name of the Auto Scaling group."
  value       = module.machines.group_name
}
