# What the bucket is called

variable "name" {
  description = "Name of the object store, unique in its environment. With the environment and the account it makes the bucket's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name))
    error_message = "The name must be lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen."
  }

  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 36
    error_message = "The name must have 3 to 36 characters, so that the bucket's name stays within 63."
  }
}

variable "environment" {
  description = "Slug of the environment the bucket belongs to, such as production."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.environment))
    error_message = "The environment must be lower-case letters, digits and single hyphens, starting with a letter."
  }

  validation {
    condition     = length(var.environment) >= 2 && length(var.environment) <= 12
    error_message = "The environment must have 2 to 12 characters, so that the bucket's name stays within 63."
  }
}

# Keeping objects, and keeping them cheaply

variable "versioning_enabled" {
  description = "Keeps the former version of an object that is overwritten or deleted."
  type        = bool
  default     = true
  nullable    = false
}

variable "noncurrent_version_retention_days" {
  description = "How many days a former version is kept after it was overwritten or deleted."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_version_retention_days >= 1 && var.noncurrent_version_retention_days <= 3650 && floor(var.noncurrent_version_retention_days) == var.noncurrent_version_retention_days
    error_message = "Former versions must be kept for 1 to 3650 whole days."
  }
}

variable "expire_objects_after_days" {
  description = "Objects are deleted this many days after they were written. 0 keeps them until somebody deletes them."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.expire_objects_after_days >= 0 && var.expire_objects_after_days <= 3650 && floor(var.expire_objects_after_days) == var.expire_objects_after_days
    error_message = "Objects must expire after 1 to 3650 whole days, or never (0)."
  }
}

variable "infrequent_access_after_days" {
  description = "Objects move to S3 Standard-IA this many days after they were written. 0 leaves them where they are."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.infrequent_access_after_days >= 0 && var.infrequent_access_after_days <= 3650 && floor(var.infrequent_access_after_days) == var.infrequent_access_after_days
    error_message = "The days until Standard-IA must be a whole number of 30 to 3650, or 0 (off)."
  }

  validation {
    condition     = var.infrequent_access_after_days == 0 || var.infrequent_access_after_days >= 30
    error_message = "S3 moves an object to Standard-IA after 30 days at the earliest. Set infrequent_access_after_days to 30 or more, or to 0."
  }

  validation {
    condition     = var.infrequent_access_after_days == 0 || var.expire_objects_after_days == 0 || var.expire_objects_after_days >= var.infrequent_access_after_days + 30
    error_message = "Standard-IA charges at least 30 days. Let objects expire 30 days or more after infrequent_access_after_days, or set that to 0."
  }
}

variable "archive_after_days" {
  description = "Objects move to S3 Glacier Instant Retrieval this many days after they were written. 0 leaves them where they are."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.archive_after_days >= 0 && var.archive_after_days <= 3650 && floor(var.archive_after_days) == var.archive_after_days
    error_message = "The days until Glacier Instant Retrieval must be a whole number of 1 to 3650, or 0 (off)."
  }

  validation {
    condition     = var.archive_after_days == 0 || var.infrequent_access_after_days == 0 || var.archive_after_days >= var.infrequent_access_after_days + 30
    error_message = "Objects stay in Standard-IA for at least 30 days. Raise archive_after_days to 30 days or more after infrequent_access_after_days, or set one of them to 0."
  }

  validation {
    condition     = var.archive_after_days == 0 || var.expire_objects_after_days == 0 || var.expire_objects_after_days >= var.archive_after_days + 90
    error_message = "Glacier Instant Retrieval charges at least 90 days. Let objects expire 90 days or more after archive_after_days, or set that to 0."
  }
}

variable "abort_incomplete_uploads_after_days" {
  description = "The parts of a multipart upload that was never completed are deleted after this many days."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.abort_incomplete_uploads_after_days >= 1 && var.abort_incomplete_uploads_after_days <= 30 && floor(var.abort_incomplete_uploads_after_days) == var.abort_incomplete_uploads_after_days
    error_message = "Incomplete uploads must go after 1 to 30 whole days."
  }
}

variable "delete_with_contents" {
  description = "Deletes every object and version when the bucket is destroyed. Without it, S3 refuses to delete a bucket that is not empty."
  type        = bool
  default     = false
  nullable    = false
}

# Encryption and access

variable "encryption" {
  description = "Encryption at rest: aws:kms with a KMS key, or AES256 with keys that S3 manages."
  type        = string
  default     = "aws:kms"
  nullable    = false

  validation {
    condition     = contains(["aws:kms", "AES256"], var.encryption)
    error_message = "The encryption must be aws:kms or AES256."
  }
}

variable "kms_key_arn" {
  description = "Existing KMS key for objects and alarms topic. Null makes a key that belongs to this bucket alone."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$", var.kms_key_arn))
    error_message = "The KMS key must be a key ARN such as arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab, or null."
  }

  validation {
    condition     = var.kms_key_arn == null || var.encryption == "aws:kms"
    error_message = "A KMS key is only used with the encryption aws:kms. Set encryption to aws:kms, or leave kms_key_arn out."
  }
}

variable "deny_other_encryption" {
  description = "Refuses an upload that asks for another encryption or another key than the bucket's own."
  type        = bool
  default     = true
  nullable    = false
}

variable "access_log_bucket" {
  description = "Existing bucket that gets a log line for each request, under the prefix of this bucket's name. Null logs nothing."
  type        = string
  default     = null

  validation {
    condition     = var.access_log_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_log_bucket))
    error_message = "The log bucket must be the name of a bucket, such as access-logs-123456789012, or null."
  }
}

# Watching it

variable "request_metrics_enabled" {
  description = "Publishes request metrics every minute (requests, errors, latency, bytes), and raises alarms on errors."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarm_size_gb" {
  description = "Size of the objects in S3 Standard above which the alarm goes off, in GB. Measured once a day."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.alarm_size_gb >= 1 && var.alarm_size_gb <= 1000000
    error_message = "The threshold must be 1 to 1000000 GB."
  }
}

variable "alarm_client_errors_percent" {
  description = "Share of requests answered with 4xx above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.alarm_client_errors_percent >= 1 && var.alarm_client_errors_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }
}

variable "alarm_server_errors_percent" {
  description = "Share of requests answered with 5xx above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.alarm_server_errors_percent >= 0.1 && var.alarm_server_errors_percent <= 100
    error_message = "The threshold must be 0.1 to 100 percent."
  }
}

variable "alarm_action_arns" {
  description = "Further targets of the alarms, such as the topic of an on-call service. The bucket's own topic always gets them."
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

variable "backup_plan_retention_days" {
  description = "How many days AWS Backup keeps a daily copy in a vault of its own, beside former versions. 0 makes none."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.backup_plan_retention_days >= 0 && var.backup_plan_retention_days <= 3650 && floor(var.backup_plan_retention_days) == var.backup_plan_retention_days
    error_message = "The retention must be a whole number of 0 to 3650 days."
  }

  validation {
    condition     = var.backup_plan_retention_days == 0 || var.versioning_enabled
    error_message = "AWS Backup copies buckets with versioning only: turn versioning_enabled on, or set backup_plan_retention_days to 0."
  }

  validation {
    condition     = var.backup_plan_retention_days == 0 || var.encryption == "aws:kms"
    error_message = "The vault is encrypted with the bucket's key: set encryption to aws:kms, or backup_plan_retention_days to 0."
  }
}

variable "dashboard_enabled" {
  description = "Makes a CloudWatch dashboard with size, objects, requests, errors and latency."
  type        = bool
  default     = false
  nullable    = false
}
