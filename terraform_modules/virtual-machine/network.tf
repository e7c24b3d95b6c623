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

  clients = var.app_port == 0 ? {} : merge(
    { for id in var.allowed_security_group_ids : id => { security_group_id = id, cidr = null } },
    var.allow_vpc_cidr ? { vpc = { security_group_id = null, cidr = data.aws_vpc.this.cidr_block } } : {},
  )
}

resource "aws_security_group" "this" {
  name_prefix = "${local.identifier}-vm-"
  description = "Machines of ${local.identifier}"
  vpc_id      = data.aws_vpc.this.id

  tags = { Name = "${local.identifier}-vm" }

  lifecycle {
    create_before_destroy = true
  }
}

# No port for people: they come through Session Manager, which the machine opens itself.
resource "aws_vpc_security_group_ingress_rule" "app" {
  for_each = local.clients

  security_group_id            = aws_security_group.this.id
  description                  = "Application from ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = var.app_port
  to_port                      = var.app_port
  cidr_ipv4                    = each.value.cidr
  referenced_security_group_id = each.value.security_group_id

  tags = { Name = "${local.identifier}-vm-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "vpc" {
  security_group_id = aws_security_group.this.id
  description       = "Anything inside the VPC"
  ip_protocol       = "tcp"
  from_port         = 0
  to_port           = 65535
  cidr_ipv4         = data.aws_vpc.this.cidr_block

  tags = { Name = "${local.identifier}-vm-vpc" }
}

# Packages, Session Manager and the AWS APIs, through the VPC's NAT or its endpoints.
resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "HTTPS to anywhere"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"

  tags = { Name = "${local.identifier}-vm-https" }
}
