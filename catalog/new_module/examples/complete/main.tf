# As the portal orders it for production, used directly from Terraform.

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

module "this" {
  source = "../.."

  name        = "placed-orders"
  environment = "production"
}

output "topic_arn" {
  description = "Where services publish."
  value       = module.this.topic_arn
}
