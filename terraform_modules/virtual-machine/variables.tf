# What the machines are called

variable "name" {
  description = "Name of the group of machines, unique in its environment. With the environment it makes the AWS identifier."
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
  description = "Slug of the environment the machines belong to, such as production."
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

# Machine

variable "instance_type" {
  description = "EC2 instance type. Graviton only: burstable t4g, general purpose m7g, compute c7g, memory r7g."
  type        = string
  default     = "t4g.small"
  nullable    = false

  validation {
    condition     = can(regex("^(t4g\\.(micro|small|medium|large|xlarge)|[cmr]7g\\.(large|(2|4)?xlarge))$", var.instance_type))
    error_message = "The instance type must be a Graviton type such as t4g.small, m7g.large or r7g.xlarge."
  }
}

variable "volume_gb" {
  description = "Size of the root volume (gp3), in GB."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.volume_gb >= 8 && var.volume_gb <= 1000 && floor(var.volume_gb) == var.volume_gb
    error_message = "The volume must be a whole number of 8 to 1000 GB."
  }
}

variable "image_parameter" {
  description = "Name of the SSM parameter that holds the image to start machines from. The image must be for arm64."
  type        = string
  default     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
  nullable    = false

  validation {
    condition     = can(regex("^/[A-Za-z0-9_./-]+$", var.image_parameter))
    error_message = "The image must be the name of an SSM parameter, such as /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64."
  }
}

variable "setup_script" {
  description = "Shell script that runs as root once, when a machine starts. Everybody on the machine can read it: no secrets."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.setup_script) <= 15000
    error_message = "The script must have at most 15000 characters: EC2 takes 16 KB with what the module adds. Put more into the image or into S3."
  }

  # In base64, 15000 bytes are 20000 characters.
  validation {
    condition     = length(base64encode(var.setup_script)) <= 20000
    error_message = "The script must have at most 15000 bytes, and a character that is not ASCII has two to four: EC2 takes 16 KB with what the module adds. Put more into the image or into S3."
  }
}

variable "warmup_s" {
  description = "How long a machine may take from start to work, in seconds. Until then its health is not looked at."
  type        = number
  default     = 180
  nullable    = false

  validation {
    condition     = var.warmup_s >= 30 && var.warmup_s <= 3600 && floor(var.warmup_s) == var.warmup_s
    error_message = "The warm-up must be a whole number of 30 to 3600 seconds."
  }
}

variable "max_instance_days" {
  description = "Age at which a machine is replaced by a new one from the newest image, in days. 0 keeps machines."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.max_instance_days >= 0 && var.max_instance_days <= 365 && floor(var.max_instance_days) == var.max_instance_days
    error_message = "The age must be a whole number of 0 to 365 days."
  }
}

# Number and hours

variable "min_instances" {
  description = "Machines that run at least, and that the group starts with."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.min_instances >= 1 && var.min_instances <= 50 && floor(var.min_instances) == var.min_instances
    error_message = "The number must be a whole number of 1 to 50."
  }
}

variable "max_instances" {
  description = "Machines that run at most. Above min_instances, the group grows and shrinks with the CPU."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 100 && floor(var.max_instances) == var.max_instances
    error_message = "The number must be a whole number of 1 to 100."
  }

  validation {
    condition     = var.max_instances >= var.min_instances
    error_message = "The largest number (max_instances) must be at least min_instances. Raise it, or lower min_instances."
  }
}

variable "target_cpu_percent" {
  description = "Average CPU that scaling aims at, in percent."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.target_cpu_percent >= 10 && var.target_cpu_percent <= 90
    error_message = "The target must be 10 to 90 percent."
  }
}

variable "office_hours_only" {
  description = "Runs the machines on working days within the office hours only, and none outside."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.office_hours_only || var.environment != "production"
    error_message = "Production machines run at all hours: turn office_hours_only off, or order them for another environment."
  }
}

variable "office_start_hour" {
  description = "Hour of the day at which the machines start, in time_zone."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.office_start_hour >= 0 && var.office_start_hour <= 23 && floor(var.office_start_hour) == var.office_start_hour
    error_message = "The hour must be a whole number of 0 to 23."
  }
}

variable "office_end_hour" {
  description = "Hour of the day at which the machines stop, in time_zone."
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

# Network

variable "app_port" {
  description = "TCP port of the application on the machines, open to the clients below. 0 opens none."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    condition     = var.app_port >= 0 && var.app_port <= 65535 && floor(var.app_port) == var.app_port
    error_message = "The port must be a whole number of 0 to 65535."
  }

  validation {
    condition     = var.app_port != 22
    error_message = "Port 22 is not opened: people come through Session Manager, without keys. Give the application's port."
  }
}

variable "target_group_arns" {
  description = "Target groups of a load balancer that the machines join. Their health then counts."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.target_group_arns) <= 10
    error_message = "At most 10 may be given."
  }

  validation {
    condition     = alltrue([for arn in var.target_group_arns : can(regex("^arn:aws[a-z-]*:elasticloadbalancing:", arn))])
    error_message = "Each must be the ARN of a target group."
  }
}

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
  description = "Subnets of the machines, in at least two availability zones for production. An empty list takes the VPC's subnets with the tag Tier=private."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) <= 20
    error_message = "At most 20 subnets may be given."
  }
}

variable "allowed_security_group_ids" {
  description = "Security groups whose members may connect, usually those of the service that uses the machines."
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
  description = "Lets every address of the VPC connect to the application's port. Turn it off once allowed_security_group_ids names the clients."
  type        = bool
  default     = true
  nullable    = false
}

# Access, encryption and backups

variable "policy_arns" {
  description = "Policies that the machines' role gets, for what the application uses."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.policy_arns) <= 8
    error_message = "At most 8 may be given."
  }

  validation {
    condition     = alltrue([for arn in var.policy_arns : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/", arn))])
    error_message = "Each must be the ARN of an IAM policy."
  }
}

variable "kms_key_arn" {
  description = "Existing KMS key for volumes, backups, logs and alarms topic. Null makes a key that belongs to these machines alone."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$", var.kms_key_arn))
    error_message = "The KMS key must be a key ARN such as arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab, or null."
  }
}

variable "backup_retention_days" {
  description = "How many days of daily backups of the machines are kept. 0 makes none."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.backup_retention_days >= 0 && var.backup_retention_days <= 365 && floor(var.backup_retention_days) == var.backup_retention_days
    error_message = "The retention must be a whole number of 0 to 365 days."
  }
}

# Observability

variable "detailed_monitoring" {
  description = "Reports the metrics of EC2 every minute instead of every five."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_files" {
  description = "Files on the machines that the agent sends to CloudWatch Logs."
  type        = list(string)
  default     = ["/var/log/cloud-init-output.log"]
  nullable    = false

  validation {
    condition     = length(var.log_files) <= 20
    error_message = "At most 20 files may be given."
  }

  validation {
    condition     = alltrue([for path in var.log_files : can(regex("^/[A-Za-z0-9_./*-]+$", path))])
    error_message = "Each file must be an absolute path such as /var/log/app.log."
  }
}

variable "log_retention_days" {
  description = "How many days the logs are kept in CloudWatch Logs."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "CloudWatch Logs takes one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 and 731 days."
  }
}

variable "dashboard_enabled" {
  description = "Makes a CloudWatch dashboard with CPU, memory, disk, machines, network and status checks."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarm_action_arns" {
  description = "Further targets of the alarms, such as the topic of an on-call service. The group's own topic always gets them."
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
  description = "Average CPU of the group above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 85
  nullable    = false

  validation {
    condition     = var.alarm_cpu_percent >= 1 && var.alarm_cpu_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }
}

variable "alarm_memory_percent" {
  description = "Memory use of a machine above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.alarm_memory_percent >= 1 && var.alarm_memory_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }
}

variable "alarm_disk_percent" {
  description = "Use of the root volume above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 85
  nullable    = false

  validation {
    condition     = var.alarm_disk_percent >= 1 && var.alarm_disk_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }
}
