locals {
  # Administration (CONFIG, SHUTDOWN, ACL) is AWS's; DANGEROUS holds FLUSHALL, KEYS and the like. INFO is what clients ask at start.
  access_strings = {
    read-write = "on ~* &* +@all -@admin -@dangerous +info"
    read-only  = "on ~* &* -@all +@read +@connection +@pubsub -@dangerous +info"
  }
}

# Signs in with a token that IAM makes and that lives for 15 minutes: there is no password to keep, rotate or lose.
# ElastiCache wants the same id and name of a user that signs in with IAM.
resource "aws_elasticache_user" "this" {
  user_id       = local.identifier
  user_name     = local.identifier
  engine        = "valkey"
  access_string = local.access_strings[var.access]

  authentication_mode {
    type = "iam"
  }

  tags = { Name = local.identifier }
}

# Of engine valkey, so that it needs no user named default, whom everybody could be.
resource "aws_elasticache_user_group" "this" {
  user_group_id = local.identifier
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.this.user_id]

  tags = { Name = local.identifier }
}

# For the role of the service that uses the cache; attaching it is that service's business.
data "aws_iam_policy_document" "consumer" {
  statement {
    sid       = "SignIn"
    actions   = ["elasticache:Connect"]
    resources = [aws_elasticache_replication_group.this.arn, aws_elasticache_user.this.arn]
  }
}
