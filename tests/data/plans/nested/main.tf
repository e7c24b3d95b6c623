# Modules in modules, each with for_each: the shape of registry modules that make one thing for every entry of a map.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "replica"
  region = "us-west-2"
}

locals {
  tags = {
    service     = "orders"
    team-owner  = "shop"
    environment = "staging"
    criticality = "tier-2"
  }
}

module "app" {
  source   = "./modules/app"
  for_each = { orders = ["created", "paid"], billing = ["invoiced"] }

  name   = each.key
  queues = toset(each.value)
  tags   = local.tags

  providers = {
    aws         = aws
    aws.replica = aws.replica
  }
}

# Somebody else's module, from a private registry: it is not edited here.
module "events" {
  source  = "registry.example.com/platform/queue/aws"
  version = "2.1.0"

  name = "events"
  tags = { service = "events" }
}
