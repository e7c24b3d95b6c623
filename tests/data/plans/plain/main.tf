# Plain resources in a root module, as small teams write them: some tags by default_tags, some by hand, some forgotten.
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
  default_tags {
    tags = {
      service    = "orders"
      team-owner = "shop"
    }
  }
}

# Everything that is required.
resource "aws_sqs_queue" "complete" {
  name = "orders-complete"
  tags = {
    cost-center = "cc-100"
    environment = "production"
    criticality = "tier-1"
  }
}

# Nothing beside default_tags.
resource "aws_sns_topic" "forgotten" {
  name = "orders-forgotten"
}

# Keys and values that are almost right.
resource "aws_s3_bucket" "almost" {
  bucket = "orders-almost-example"
  tags = {
    CostCenter  = "cc-100"
    env         = "production"
    criticality = "Tier 1"
  }
}

# A value that nobody allows, and an empty one.
resource "aws_kms_key" "wrong" {
  description = "orders"
  tags = {
    cost-center = "cc-100"
    environment = ""
    criticality = "tier-9"
  }
}

# One value that is known only after the apply leaves all of tags_all unknown.
resource "aws_secretsmanager_secret" "later" {
  name = "orders/later"
  tags = {
    cost-center = "cc-100"
    environment = "production"
    criticality = "tier-1"
    Topic       = aws_sns_topic.forgotten.arn
  }
}

# The whole map is known only after the apply.
resource "aws_cloudwatch_log_group" "unknown" {
  name = "orders-unknown"
  tags = zipmap(["topic", aws_sns_topic.forgotten.arn], ["orders", "orders"])
}

# Takes no tags.
resource "aws_kms_alias" "untaggable" {
  name          = "alias/orders"
  target_key_id = aws_kms_key.wrong.key_id
}

# Instances of a group get what its tag blocks pass on; a template's own tags stay with the template.
resource "aws_launch_template" "workers" {
  name_prefix   = "orders-"
  image_id      = "ami-0123456789abcdef0"
  instance_type = "t3.small"
  tags = {
    cost-center = "cc-100"
    environment = "production"
    criticality = "tier-1"
  }
  tag_specifications {
    resource_type = "instance"
    tags = {
      service     = "orders"
      team-owner  = "shop"
      cost-center = "cc-100"
      environment = "production"
      criticality = "tier-1"
    }
  }
}

resource "aws_autoscaling_group" "workers" {
  name               = "orders"
  min_size           = 1
  max_size           = 2
  availability_zones = ["us-east-1a"]
  launch_template {
    id      = aws_launch_template.workers.id
    version = "$Latest"
  }
  tag {
    key                 = "service"
    value               = "orders"
    propagate_at_launch = true
  }
  tag {
    key                 = "team-owner"
    value               = "shop"
    propagate_at_launch = false
  }
}
