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

# What the CloudWatch agent needs, for this group's logs and metrics alone. The ARN is spelled out: taken from the parameter,
# it would have Terraform read this document, and update the role, at every change of what the parameter holds.
data "aws_iam_policy_document" "agent" {
  statement {
    sid       = "ReadAgentConfiguration"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:${local.partition}:ssm:${local.region}:${local.account_id}:parameter${local.agent_parameter}"]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  # The agent asks for the name of its group, and drops metrics until it knows. DescribeTags knows no resources.
  statement {
    sid       = "FindOwnGroup"
    actions   = ["ec2:DescribeTags"]
    resources = ["*"]
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

    condition {
      test     = "BoolIfExists"
      variable = "ssm:SessionDocumentAccessCheck"
      values   = ["true"]
    }
  }

  # No other document: one that forwards ports would reach what the machine reaches.
  statement {
    sid       = "Shell"
    actions   = ["ssm:StartSession"]
    resources = ["arn:${local.partition}:ssm:${local.region}:${local.account_id}:document/SSM-SessionManagerRunShell"]
  }

  # By the tag of a session and not by its name, which begins with the user's name only for IAM users.
  statement {
    sid       = "OwnSessions"
    actions   = ["ssm:ResumeSession", "ssm:TerminateSession"]
    resources = ["arn:${local.partition}:ssm:${local.region}:${local.account_id}:session/*"]

    condition {
      test     = "StringEquals"
      variable = "ssm:resourceTag/aws:ssmmessages:session-id"
      values   = ["$${aws:userid}"]
    }
  }

  # These know no resources.
  statement {
    sid       = "FindTheMachines"
    actions   = ["ec2:DescribeInstances", "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeInstanceRefreshes", "autoscaling:DescribeScalingActivities"]
    resources = ["*"]
  }

  statement {
    sid       = "RollOut"
    actions   = ["autoscaling:StartInstanceRefresh", "autoscaling:CancelInstanceRefresh"]
    resources = ["arn:${local.partition}:autoscaling:${local.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${local.identifier}"]
  }
}
