data "aws_vpc" "this" {
  id      = var.vpc_id
  default = var.vpc_id == null ? true : null
}

data "aws_subnets" "private" {
  count = length(var.private_subnet_ids) == 0 ? 1 : 0

  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.this.id]
  }

  tags = { Tier = "private" }
}

data "aws_subnets" "public" {
  count = var.public && length(var.public_subnet_ids) == 0 ? 1 : 0

  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.this.id]
  }

  tags = { Tier = "public" }
}

locals {
  private_subnet_ids       = length(var.private_subnet_ids) > 0 ? var.private_subnet_ids : data.aws_subnets.private[0].ids
  public_subnet_ids        = length(var.public_subnet_ids) > 0 ? var.public_subnet_ids : flatten(data.aws_subnets.public[*].ids)
  load_balancer_subnet_ids = var.public ? local.public_subnet_ids : local.private_subnet_ids

  # The whole internet for a public service, the VPC for an internal one.
  client_cidr = var.public ? "0.0.0.0/0" : data.aws_vpc.this.cidr_block
}

resource "aws_security_group" "load_balancer" {
  name_prefix = "${local.identifier}-lb-"
  description = "Load balancer of ${local.identifier}"
  vpc_id      = data.aws_vpc.this.id

  tags = { Name = "${local.identifier}-lb" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  security_group_id = aws_security_group.load_balancer.id
  description       = "HTTPS from ${var.public ? "the internet" : "the VPC"}"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = local.client_cidr

  tags = { Name = "${local.identifier}-lb-https" }
}

resource "aws_vpc_security_group_egress_rule" "to_tasks" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "Requests and health checks to the tasks"
  ip_protocol                  = "tcp"
  from_port                    = var.container_port
  to_port                      = var.container_port
  referenced_security_group_id = aws_security_group.tasks.id

  tags = { Name = "${local.identifier}-lb-tasks" }
}

resource "aws_security_group" "tasks" {
  name_prefix = "${local.identifier}-tasks-"
  description = "Tasks of ${local.identifier}"
  vpc_id      = data.aws_vpc.this.id

  tags = { Name = "${local.identifier}-tasks" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "from_load_balancer" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "Requests from the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = var.container_port
  to_port                      = var.container_port
  referenced_security_group_id = aws_security_group.load_balancer.id

  tags = { Name = "${local.identifier}-tasks-lb" }
}

resource "aws_vpc_security_group_egress_rule" "vpc" {
  security_group_id = aws_security_group.tasks.id
  description       = "Anything inside the VPC"
  ip_protocol       = "tcp"
  from_port         = 0
  to_port           = 65535
  cidr_ipv4         = data.aws_vpc.this.cidr_block

  tags = { Name = "${local.identifier}-tasks-vpc" }
}

# Images, logs, secrets and other services' APIs, through the VPC's NAT or its endpoints.
resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.tasks.id
  description       = "HTTPS to anywhere"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"

  tags = { Name = "${local.identifier}-tasks-https" }
}
