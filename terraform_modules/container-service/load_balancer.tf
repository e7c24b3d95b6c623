resource "aws_lb" "this" {
  # checkov:skip=CKV2_AWS_28: what to block depends on the application, which attaches a web ACL of its own
  name               = local.identifier
  load_balancer_type = "application"
  internal           = !var.public
  subnets            = local.load_balancer_subnet_ids
  security_groups    = [aws_security_group.load_balancer.id]

  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_deletion_protection = var.deletion_protection
  idle_timeout               = 60

  dynamic "access_logs" {
    for_each = var.access_log_bucket == "" ? [] : [var.access_log_bucket]

    content {
      bucket  = access_logs.value
      prefix  = local.identifier
      enabled = true
    }
  }

  tags = { Name = local.identifier }

  lifecycle {
    precondition {
      condition     = length(local.load_balancer_subnet_ids) >= 2
      error_message = "A load balancer needs subnets in at least two availability zones, but ${length(local.load_balancer_subnet_ids)} was found in ${data.aws_vpc.this.id}. Tag the VPC's subnets with Tier=private and Tier=public, or give private_subnet_ids and public_subnet_ids."
    }
  }
}

resource "aws_lb_target_group" "this" {
  name_prefix          = "${substr(var.name, 0, 5)}-"
  vpc_id               = data.aws_vpc.this.id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = var.container_port
  deregistration_delay = var.deregistration_delay_s

  health_check {
    path                = var.health_check_path
    matcher             = "200-299"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  tags = { Name = local.identifier }

  # The listener needs the new group before the old one can go.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = local.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }

  tags = { Name = local.identifier }
}
