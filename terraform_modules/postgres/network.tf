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

  # Who may connect: the same clients for the instance and for the proxy.
  clients = merge(
    { for id in var.allowed_security_group_ids : id => { security_group_id = id, cidr = null } },
    var.allow_vpc_cidr ? { vpc = { security_group_id = null, cidr = data.aws_vpc.this.cidr_block } } : {},
  )
}

resource "aws_db_subnet_group" "this" {
  name        = local.identifier
  description = "Private subnets of ${local.identifier}"
  subnet_ids  = local.subnet_ids

  tags = { Name = local.identifier }

  lifecycle {
    precondition {
      condition     = length(local.subnet_ids) >= 2
      error_message = "RDS needs subnets in at least two availability zones, but ${length(local.subnet_ids)} were found in ${data.aws_vpc.this.id}. Tag the VPC's private subnets with Tier=private, or give subnet_ids."
    }
  }
}

resource "aws_security_group" "database" {
  name_prefix = "${local.identifier}-db-"
  description = "PostgreSQL of ${local.identifier}"
  vpc_id      = data.aws_vpc.this.id

  tags = { Name = "${local.identifier}-db" }

  lifecycle {
    create_before_destroy = true
  }
}

# The instance opens no connection of its own, so its group has no egress rule.
resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each = local.clients

  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  cidr_ipv4                    = each.value.cidr
  referenced_security_group_id = each.value.security_group_id

  tags = { Name = "${local.identifier}-db-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "database_from_proxy" {
  count = var.proxy_enabled ? 1 : 0

  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from the proxy"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  referenced_security_group_id = aws_security_group.proxy[0].id

  tags = { Name = "${local.identifier}-db-proxy" }
}

resource "aws_security_group" "proxy" {
  # checkov:skip=CKV2_AWS_5: attached to the proxy, which the check does not know as something to attach to
  count = var.proxy_enabled ? 1 : 0

  name_prefix = "${local.identifier}-proxy-"
  description = "RDS Proxy of ${local.identifier}"
  vpc_id      = data.aws_vpc.this.id

  tags = { Name = "${local.identifier}-proxy" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "proxy" {
  for_each = var.proxy_enabled ? local.clients : {}

  security_group_id            = aws_security_group.proxy[0].id
  description                  = "PostgreSQL from ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  cidr_ipv4                    = each.value.cidr
  referenced_security_group_id = each.value.security_group_id

  tags = { Name = "${local.identifier}-proxy-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "proxy_to_database" {
  count = var.proxy_enabled ? 1 : 0

  security_group_id            = aws_security_group.proxy[0].id
  description                  = "PostgreSQL to the instance"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  referenced_security_group_id = aws_security_group.database.id

  tags = { Name = "${local.identifier}-proxy-db" }
}
