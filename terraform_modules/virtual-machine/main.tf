data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# What the provider puts on every resource does not reach what Auto Scaling makes: instances, volumes, interfaces.
data "aws_default_tags" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  # At most 40 + 1 + 12 = 53 characters; the longest suffix, "-instance", keeps it within IAM's 64.
  identifier = "${var.name}-${var.environment}"

  # Backups choose instances by this tag, so that a new instance needs no new order.
  backup_tag = { key = "drawbridge-backup", value = local.identifier }

  instance_tags = merge(
    data.aws_default_tags.current.tags,
    { Name = local.identifier },
    var.backup_retention_days > 0 ? { (local.backup_tag.key) = local.backup_tag.value } : {},
  )

  # The agent first: what the setup script does is then already measured and logged.
  # Its configuration's digest is there so that a change of it is a change of the template, and reaches the machines.
  user_data = join("\n", concat(
    ["#!/bin/bash", "dnf install -y amazon-cloudwatch-agent", "# Configuration ${sha256(local.agent_configuration)}"],
    ["/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c ssm:${aws_ssm_parameter.agent.name}"],
    var.setup_script == "" ? [] : [var.setup_script],
  ))
}

resource "aws_launch_template" "this" {
  name        = local.identifier
  description = "Machines of ${local.identifier}"

  # Read by EC2 when an instance starts: a new image needs no order, and no plan differs because there is one.
  image_id      = "resolve:ssm:${var.image_parameter}"
  instance_type = var.instance_type
  ebs_optimized = true
  user_data     = base64encode(local.user_data)

  # Said here, because a subnet may give its machines public addresses.
  network_interfaces {
    device_index                = 0
    associate_public_ip_address = false
    delete_on_termination       = true
    security_groups             = [aws_security_group.this.id]
  }

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  # Only with a session token, and only from the machine itself: a forged request cannot read the role's credentials.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = var.detailed_monitoring
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.volume_gb
      encrypted             = true
      kms_key_id            = local.kms_key_arn
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]

    content {
      resource_type = tag_specifications.value
      tags          = local.instance_tags
    }
  }

  tags = { Name = local.identifier }
}

resource "aws_autoscaling_group" "this" {
  name                = local.identifier
  vpc_zone_identifier = local.subnet_ids

  # The schedule must be able to end all machines. Nothing else ends the last one: with office hours, scaling only adds.
  min_size         = var.office_hours_only ? 0 : var.min_instances
  max_size         = var.max_instances
  desired_capacity = var.min_instances

  launch_template {
    name    = aws_launch_template.this.name
    version = aws_launch_template.this.latest_version
  }

  health_check_type         = length(var.target_group_arns) > 0 ? "ELB" : "EC2"
  health_check_grace_period = var.warmup_s
  default_instance_warmup   = var.warmup_s
  target_group_arns         = var.target_group_arns
  max_instance_lifetime     = var.max_instance_days * 24 * 60 * 60
  termination_policies      = ["OldestLaunchTemplate", "OldestInstance"]
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupTotalInstances"]
  capacity_rebalance        = false

  # A new machine must be well before an old one goes; a change of the template reaches all of them.
  instance_maintenance_policy {
    min_healthy_percentage = 100
    max_healthy_percentage = 200
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      instance_warmup        = tostring(var.warmup_s)
    }
  }

  dynamic "tag" {
    for_each = local.instance_tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    # Scaling and the office hours own the number of machines once the group exists.
    ignore_changes = [desired_capacity]

    precondition {
      condition     = var.environment != "production" || length(local.subnet_ids) >= 2
      error_message = "Production machines need subnets in at least two availability zones, but ${length(local.subnet_ids)} was found in ${data.aws_vpc.this.id}. Tag the VPC's private subnets with Tier=private, or give subnet_ids."
    }
  }
}
