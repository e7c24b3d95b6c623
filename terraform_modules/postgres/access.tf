locals {
  secret_arn = aws_db_instance.this.master_user_secret[0].secret_arn

  # IAM names the thing one signs in to by its resource id: prx-… for a proxy, db-… for an instance.
  sign_in_resource_ids = concat(
    [for proxy in aws_db_proxy.this : element(split(":", proxy.arn), 6)],
    [aws_db_instance.this.resource_id],
    [for replica in aws_db_instance.replica : replica.resource_id],
  )
}

# For the role of the service that uses the database; attaching it is that service's business.
data "aws_iam_policy_document" "consumer" {
  statement {
    sid       = "ReadDatabaseSecret"
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = [local.secret_arn]
  }

  statement {
    sid       = "DecryptDatabaseSecret"
    actions   = ["kms:Decrypt"]
    resources = [local.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${local.region}.${local.dns_suffix}"]
    }
  }

  dynamic "statement" {
    for_each = var.iam_authentication_enabled ? ["connect"] : []

    content {
      sid     = "SignInWithIam"
      actions = ["rds-db:connect"]
      resources = [
        for id in local.sign_in_resource_ids :
        "arn:${local.partition}:rds-db:${local.region}:${local.account_id}:dbuser:${id}/${var.iam_database_user}"
      ]
    }
  }
}
