# What the database is called

variable "name" {
  description = "Name of the database, unique in its environment. With the environment it makes the AWS identifier."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name))
    error_message = "The name must be lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen."
  }

  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 40
    error_message = "The name must have 3 to 40 characters, so that every derived AWS name stays within its limit."
  }
}

variable "environment" {
  description = "Slug of the environment the database belongs to, such as production."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.environment))
    error_message = "The environment must be lower-case letters, digits and single hyphens, starting with a letter."
  }

  validation {
    condition     = length(var.environment) >= 2 && length(var.environment) <= 12
    error_message = "The environment must have 2 to 12 characters, so that every derived AWS name stays within its limit."
  }
}

variable "database_name" {
  description = "Name of the first database that is created inside the instance. Changing it later replaces the instance."
  type        = string
  default     = "app"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]*$", var.database_name))
    error_message = "The database name must be lower-case letters, digits and underscores, starting with a letter."
  }

  validation {
    condition     = length(var.database_name) >= 1 && length(var.database_name) <= 63
    error_message = "The database name must have 1 to 63 characters."
  }
}

# Engine and size

variable "engine_version" {
  description = "Major version of PostgreSQL. Minor versions are kept current by AWS in the maintenance window."
  type        = string
  default     = "17"
  nullable    = false

  validation {
    condition     = contains(["15", "16", "17", "18"], var.engine_version)
    error_message = "The engine version must be one of 15, 16, 17 and 18."
  }
}

variable "allow_major_version_upgrade" {
  description = "Lets an update of engine_version move to a newer major version. The upgrade takes the database offline and cannot be undone."
  type        = bool
  default     = false
  nullable    = false
}

variable "instance_class" {
  description = "RDS instance class. Graviton classes only: burstable t4g, general purpose m6g to m8g, memory optimized r6g to r8g."
  type        = string
  default     = "db.t4g.medium"
  nullable    = false

  validation {
    condition     = can(regex("^db\\.(t4g\\.(micro|small|medium|large|xlarge|2xlarge)|[mr][678]g\\.(large|(2|4|8|12|16)?xlarge))$", var.instance_class))
    error_message = "The instance class must be a Graviton class such as db.t4g.medium, db.m7g.large or db.r6g.xlarge."
  }
}

variable "allocated_storage_gb" {
  description = "Storage that is allocated at creation (gp3), in GB. Storage can grow but never shrink."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.allocated_storage_gb >= 20 && var.allocated_storage_gb <= 16384 && floor(var.allocated_storage_gb) == var.allocated_storage_gb
    error_message = "The allocated storage must be a whole number of 20 to 16384 GB."
  }
}

variable "max_allocated_storage_gb" {
  description = "Limit up to which AWS grows the storage by itself when less than 10 % is free, in GB. 0 turns growing off."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.max_allocated_storage_gb >= 0 && var.max_allocated_storage_gb <= 32768 && floor(var.max_allocated_storage_gb) == var.max_allocated_storage_gb
    error_message = "The storage limit must be a whole number of 0 to 32768 GB."
  }

  validation {
    condition     = var.max_allocated_storage_gb == 0 || var.max_allocated_storage_gb >= ceil(var.allocated_storage_gb * 1.1)
    error_message = "The storage limit (max_allocated_storage_gb) must be at least 10 % above allocated_storage_gb, because RDS refuses a smaller distance. Raise the limit, or set it to 0 to turn growing off."
  }
}

# Availability and backups

variable "multi_az" {
  description = "Keeps a synchronous standby in a second availability zone and fails over to it within about two minutes."
  type        = bool
  default     = false
  nullable    = false
}

variable "replica_count" {
  description = "Number of asynchronous read replicas, each an instance of the same class."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.replica_count >= 0 && var.replica_count <= 5 && floor(var.replica_count) == var.replica_count
    error_message = "The number of read replicas must be a whole number, 0 to 5."
  }
}

variable "backup_retention_days" {
  description = "How many days of automated backups are kept. The database can be restored to any second within them."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35 && floor(var.backup_retention_days) == var.backup_retention_days
    error_message = "Automated backups must be kept for 1 to 35 whole days."
  }
}

variable "backup_window" {
  description = "Daily window of the automated backup, in UTC. Must not overlap the maintenance window."
  type        = string
  default     = "02:00-03:00"
  nullable    = false

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", var.backup_window))
    error_message = "The backup window must look like 02:00-03:00 (UTC)."
  }
}

variable "maintenance_window" {
  description = "Weekly window for patches and for changes that wait, in UTC. Must not overlap the backup window."
  type        = string
  default     = "sun:04:00-sun:05:00"
  nullable    = false

  validation {
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_window))
    error_message = "The maintenance window must look like sun:04:00-sun:05:00 (UTC)."
  }
}

variable "apply_immediately" {
  description = "Applies changes at once instead of in the next maintenance window. Some changes restart the database."
  type        = bool
  default     = false
  nullable    = false
}

variable "deletion_protection" {
  description = "Makes AWS refuse to delete the instance until this is turned off by an update."
  type        = bool
  default     = true
  nullable    = false
}

variable "final_snapshot" {
  description = "Takes a snapshot before the instance is deleted and keeps the automated backups until their retention ends."
  type        = bool
  default     = true
  nullable    = false
}

# Network and access

variable "vpc_id" {
  description = "VPC to build in. Null takes the default VPC of the account and region."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null || can(regex("^vpc-[0-9a-z]+$", var.vpc_id))
    error_message = "The VPC must be an id such as vpc-0a1b2c3d4e5f67890, or null for the default VPC."
  }
}

variable "subnet_ids" {
  description = "Subnets of the instance, in at least two availability zones. An empty list takes the VPC's subnets with the tag Tier=private."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) <= 20
    error_message = "A subnet group must have at most 20 subnets."
  }
}

variable "allowed_security_group_ids" {
  description = "Security groups whose members may connect, usually those of the service that uses the database."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.allowed_security_group_ids) <= 20
    error_message = "At most 20 security groups may be given."
  }

  validation {
    condition     = alltrue([for id in var.allowed_security_group_ids : can(regex("^sg-[0-9a-z]+$", id))])
    error_message = "Each security group must be an id such as sg-0a1b2c3d4e5f67890."
  }
}

variable "allow_vpc_cidr" {
  description = "Lets every address of the VPC connect. Turn it off once allowed_security_group_ids names the clients."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.allow_vpc_cidr || length(var.allowed_security_group_ids) > 0
    error_message = "Nobody could connect. Name the clients in allowed_security_group_ids, or set allow_vpc_cidr to true."
  }
}

variable "iam_authentication_enabled" {
  description = "Lets clients sign in with a short-lived IAM token. Through the proxy, a token is then required instead of a password."
  type        = bool
  default     = false
  nullable    = false
}

variable "iam_database_user" {
  description = "Database user that the consumer policy lets IAM principals sign in as, when IAM authentication is on."
  type        = string
  default     = "app"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]*$", var.iam_database_user))
    error_message = "The database user must be lower-case letters, digits and underscores."
  }

  validation {
    condition     = length(var.iam_database_user) >= 1 && length(var.iam_database_user) <= 63
    error_message = "The database user must have 1 to 63 characters."
  }
}

variable "kms_key_arn" {
  description = "Existing KMS key for storage, secret, logs and alarms topic. Null makes a key that belongs to this database alone."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$", var.kms_key_arn))
    error_message = "The KMS key must be a key ARN such as arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab, or null."
  }
}

# Connections and queries

variable "max_connections" {
  description = "Limit of connections to the instance. Null lets AWS derive it from memory: LEAST({DBInstanceClassMemory/9531392},5000)."
  type        = number
  default     = null

  validation {
    condition     = var.max_connections == null ? true : var.max_connections >= 20 && var.max_connections <= 5000 && floor(var.max_connections) == var.max_connections
    error_message = "The connection limit must be a whole number, 20 to 5000, or null for the limit that AWS derives from memory."
  }
}

variable "log_min_duration_ms" {
  description = "Statements that run at least this long are logged, in ms. -1 logs none, 0 logs all."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.log_min_duration_ms >= -1 && var.log_min_duration_ms <= 3600000 && floor(var.log_min_duration_ms) == var.log_min_duration_ms
    error_message = "The duration must be -1 (off) to 3600000 whole ms."
  }
}

variable "proxy_enabled" {
  description = "Puts RDS Proxy in front of the instance: it pools connections and keeps them through a failover."
  type        = bool
  default     = false
  nullable    = false
}

variable "proxy_idle_client_timeout_s" {
  description = "The proxy closes a client connection that was idle this long, in seconds."
  type        = number
  default     = 1800
  nullable    = false

  validation {
    condition     = var.proxy_idle_client_timeout_s >= 1 && var.proxy_idle_client_timeout_s <= 28800 && floor(var.proxy_idle_client_timeout_s) == var.proxy_idle_client_timeout_s
    error_message = "The idle timeout must be 1 to 28800 whole seconds (8 hours)."
  }
}

variable "proxy_borrow_timeout_s" {
  description = "A client waits at most this long for a pooled connection before the proxy answers with an error, in seconds."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.proxy_borrow_timeout_s >= 0 && var.proxy_borrow_timeout_s <= 300 && floor(var.proxy_borrow_timeout_s) == var.proxy_borrow_timeout_s
    error_message = "The borrow timeout must be 0 to 300 whole seconds."
  }
}

variable "proxy_max_connections_percent" {
  description = "Share of the instance's connection limit that the proxy may use, in percent. The rest stays for direct sessions such as migrations."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.proxy_max_connections_percent >= 1 && var.proxy_max_connections_percent <= 100 && floor(var.proxy_max_connections_percent) == var.proxy_max_connections_percent
    error_message = "The share must be 1 to 100 whole percent."
  }
}

variable "proxy_max_idle_connections_percent" {
  description = "Share of the instance's connection limit that the proxy keeps open while idle, in percent."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.proxy_max_idle_connections_percent >= 0 && var.proxy_max_idle_connections_percent <= 100 && floor(var.proxy_max_idle_connections_percent) == var.proxy_max_idle_connections_percent
    error_message = "The share must be 0 to 100 whole percent."
  }

  validation {
    condition     = var.proxy_max_idle_connections_percent <= var.proxy_max_connections_percent
    error_message = "The proxy cannot keep more idle connections than it may open. Lower proxy_max_idle_connections_percent or raise proxy_max_connections_percent."
  }
}

# Watching it

variable "database_insights_mode" {
  description = "Mode of CloudWatch Database Insights: standard, or advanced with execution plans and 15 months of history."
  type        = string
  default     = "standard"
  nullable    = false

  validation {
    condition     = contains(["standard", "advanced"], var.database_insights_mode)
    error_message = "The mode must be standard or advanced."
  }
}

variable "performance_insights_retention_days" {
  description = "How many days of Performance Insights data are kept. 7 is free; the advanced mode needs 465."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = contains([7, 31, 93, 186, 372, 465, 731], var.performance_insights_retention_days)
    error_message = "The retention must be one of 7, 31, 93, 186, 372, 465 and 731 days."
  }

  validation {
    condition     = var.database_insights_mode != "advanced" || var.performance_insights_retention_days >= 465
    error_message = "The advanced mode of Database Insights needs 465 days or more. Set performance_insights_retention_days to 465, or database_insights_mode to standard."
  }
}

variable "monitoring_interval_s" {
  description = "Interval of enhanced monitoring (operating system metrics), in seconds. 0 turns it off."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = contains([0, 1, 5, 10, 15, 30, 60], var.monitoring_interval_s)
    error_message = "The interval must be one of 0, 1, 5, 10, 15, 30 and 60 seconds."
  }
}

variable "log_retention_days" {
  description = "How many days the exported PostgreSQL log is kept in CloudWatch Logs."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "CloudWatch Logs takes one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 and 731 days."
  }
}

variable "alarm_action_arns" {
  description = "Further targets of the alarms, such as the topic of an on-call service. The database's own topic always gets them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.alarm_action_arns) <= 4
    error_message = "At most 4 further alarm targets may be given: CloudWatch takes 5 actions per alarm."
  }

  validation {
    condition     = alltrue([for arn in var.alarm_action_arns : can(regex("^arn:aws[a-z-]*:", arn))])
    error_message = "Each alarm target must be an ARN."
  }
}

variable "alarm_cpu_percent" {
  description = "CPU utilization above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.alarm_cpu_percent >= 1 && var.alarm_cpu_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }
}

variable "alarm_connections_percent" {
  description = "Share of the connection limit in use above which the alarm goes off, in percent."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.alarm_connections_percent >= 1 && var.alarm_connections_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }
}

variable "alarm_free_storage_percent" {
  description = "Share of the allocated storage still free below which the alarm goes off, in percent."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.alarm_free_storage_percent >= 1 && var.alarm_free_storage_percent <= 50
    error_message = "The threshold must be 1 to 50 percent."
  }
}

variable "alarm_replica_lag_s" {
  description = "Replica lag above which the alarm goes off, in seconds."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.alarm_replica_lag_s >= 1 && var.alarm_replica_lag_s <= 86400
    error_message = "The threshold must be 1 to 86400 seconds."
  }
}

variable "backup_plan_retention_days" {
  description = "How many days AWS Backup keeps a daily copy in a vault of its own, beside the automated backups. 0 makes none."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.backup_plan_retention_days >= 0 && var.backup_plan_retention_days <= 3650 && floor(var.backup_plan_retention_days) == var.backup_plan_retention_days
    error_message = "The retention must be a whole number of 0 to 3650 days."
  }
}

variable "dashboard_enabled" {
  description = "Makes a CloudWatch dashboard with CPU, connections, storage, memory, latency and I/O."
  type        = bool
  default     = false
  nullable    = false
}

variable "office_hours_only" {
  description = "Stops the instance outside the office hours of working days. Storage and backups stay."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.office_hours_only || var.environment != "production"
    error_message = "Production runs at all hours: turn office_hours_only off, or order it for another environment."
  }

  validation {
    condition     = !var.office_hours_only || var.replica_count == 0
    error_message = "RDS does not stop an instance that has read replicas: set replica_count to 0, or turn office_hours_only off."
  }

  validation {
    condition     = !var.office_hours_only || !var.proxy_enabled
    error_message = "A proxy is paid at all hours, and finds nobody at night: set proxy_enabled to false, or turn office_hours_only off."
  }
}

variable "office_start_hour" {
  description = "Hour of the day at which the instance starts, in time_zone."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.office_start_hour >= 0 && var.office_start_hour <= 23 && floor(var.office_start_hour) == var.office_start_hour
    error_message = "The hour must be a whole number of 0 to 23."
  }
}

variable "office_end_hour" {
  description = "Hour of the day at which the instance stops, in time_zone."
  type        = number
  default     = 19
  nullable    = false

  validation {
    condition     = var.office_end_hour >= 0 && var.office_end_hour <= 23 && floor(var.office_end_hour) == var.office_end_hour
    error_message = "The hour must be a whole number of 0 to 23."
  }

  validation {
    condition     = var.office_end_hour > var.office_start_hour
    error_message = "The office hours must end (office_end_hour) after they start (office_start_hour), on the same day."
  }
}

variable "time_zone" {
  description = "Time zone of the office hours, by its IANA name."
  type        = string
  default     = "Etc/UTC"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Z][A-Za-z_]+/[A-Za-z0-9_+/-]+$", var.time_zone))
    error_message = "The time zone must be an IANA name such as Europe/Berlin, America/New_York or Etc/UTC."
  }
}
