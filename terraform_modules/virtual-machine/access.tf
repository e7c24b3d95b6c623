data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "instance" {
  name               = "${local.identifier}-instance"
  description        = "What the machines of ${local.identifier} may do"
  assume_role_policy = data.aws_iam_policy_document.trust.json

  tags = { Name = "${local.identifier}-instance" }
}

resource "aws_iam_instance_profile" "this" {
  name = "${local.identifier}-instance"
  role = aws_iam_role.instance.name

  tags = { Name = "${local.identifier}-instance" }
}

resource "aws_iam_role_policy_attachment" "session_manager" {
  role       = aws_iam_role.instance.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_role_policy_attachment" "given" {
  for_each = toset(var.policy_arns)

  role       = aws_iam_role.instance.name
  policy_arn = each.value
}

# What the CloudWatch agent needs, for this group's logs and metrics alone.
data "aws_iam_policy_document" "agent" {
  statement {
    sid       = "ReadAgentConfiguration"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.agent.arn]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  # PutMetricData knows no resources; the namespace is what can be limited.
  statement {
    sid       = "PublishMetrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["CWAgent"]
    }
  }
}

resource "aws_iam_role_policy" "agent" {
  name   = "cloudwatch-agent"
  role   = aws_iam_role.instance.name
  policy = data.aws_iam_policy_document.agent.json
}

# For the role of the people and pipelines that work on the machines; attaching it is their team's business.
data "aws_iam_policy_document" "operator" {
  statement {
    sid       = "SessionsOnTheseMachines"
    actions   = ["ssm:StartSession"]
    resources = ["arn:${local.partition}:ec2:${local.region}:${local.account_id}:instance/*"]

    condition {
      test     = "StringEquals"
      variable = "ssm:resourceTag/Name"
      values   = [local.identifier]
    }
  }

  statement {
    sid       = "OwnSessions"
    actions   = ["ssm:ResumeSession", "ssm:TerminateSession"]
    resources = ["arn:${local.partition}:ssm:*:${local.account_id}:session/$${aws:username}-*"]
  }

  statement {
    sid       = "RollOut"
    actions   = ["autoscaling:StartInstanceRefresh", "autoscaling:CancelInstanceRefresh"]
    resources = [aws_autoscaling_group.this.arn]
  }
}
