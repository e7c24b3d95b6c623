resource "aws_elasticache_subnet_group" "this" {
  name       = "${var.name}-cache"
  subnet_ids = data.aws_subnets.private.ids
}

resource "aws_elasticache_parameter_group" "this" {
  name   = "${var.name}-cache"
  family = "valkey8"

  parameter {
    name  = "maxmemory-policy"
    value = "allkeys-lru"
  }
}

resource "aws_elasticache_user" "this" {
  user_id       = "${var.name}-cache"
  user_name     = "${var.name}-cache"
  engine        = "valkey"
  access_string = "on ~* +@all"

  authentication_mode {
    type = "iam"
  }
}

resource "aws_elasticache_user_group" "this" {
  user_group_id = "${var.name}-cache"
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.this.user_id]
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id       = "${var.name}-cache"
  description                = "Every argument that the sandbox has an opinion on"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = "cache.t4g.micro"
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  parameter_group_name       = aws_elasticache_parameter_group.this.name
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]
  transit_encryption_enabled = true
  at_rest_encryption_enabled = true
}

# What ElastiCache answers when nothing is said.
resource "aws_elasticache_replication_group" "plain" {
  replication_group_id      = "plain-cache"
  description               = "Defaults; its final snapshot stays when it goes"
  final_snapshot_identifier = "plain-cache-final"
}
