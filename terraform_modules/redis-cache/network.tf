data "aws_vpc" "this" {
  id      = var.vpc_id
  default = var.vpc_id == null ? true : null
}

data "aws_subnets" "private" {
  count = length(var.subnet_ids) == 0 ? 1 : 0

  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.this.id]
  }

  tags = { Tier = "private" }
}

locals {
  subnet_ids = length(var.subnet_ids) > 0 ? var.subnet_ids : data.aws_subnets.private[0].ids

  clients = merge(
    { for id in var.allowed_security_group_ids : id => { security_group_id = id, cidr = null } },
    var.allow_vpc_cidr ? { vpc = { security_group_id = null, cidr = data.aws_vpc.this.cidr_block } } : {},
  )
}

resource "aws_elasticache_subnet_group" "this" {
  name        = local.identifier
  description = "Private subnets of ${local.identifier}"
  subnet_ids  = local.subnet_ids

  tags = { Name = local.identifier }

  lifecycle {
    precondition {
      condition     = length(local.subnet_ids) >= 1
      error_message = "No subnet was found in ${data.aws_vpc.this.id}. Tag the VPC's private subnets with Tier=private, or give subnet_ids."
    }
  }
}

resource "aws_security_group" "cache" {
  name_prefix = "${local.identifier}-cache-"
  description = "Valkey of ${local.identifier}"
  vpc_id      = data.aws_vpc.this.id

  tags = { Name = "${local.identifier}-cache" }

  lifecycle {
    create_before_destroy = true
  }
}

# The nodes open no connection of their own, so their group has no egress rule.
resource "aws_vpc_security_group_ingress_rule" "cache" {
  for_each = local.clients

  security_group_id            = aws_security_group.cache.id
  description                  = "Valkey from ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  cidr_ipv4                    = each.value.cidr
  referenced_security_group_id = each.value.security_group_id

  tags = { Name = "${local.identifier}-cache-${each.key}" }
}
