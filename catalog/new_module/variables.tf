variable "name" {
  description = "Name of what is ordered, unique in its environment. With the environment it makes the AWS name."
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
  description = "Slug of the environment that it belongs to, such as production."
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

variable "key_deletion_window_days" {
  description = "Days between the deletion of the topic's key and the moment from which nobody can bring the key back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.key_deletion_window_days >= 7 && var.key_deletion_window_days <= 30 && floor(var.key_deletion_window_days) == var.key_deletion_window_days
    error_message = "KMS keeps a deleted key for 7 to 30 whole days."
  }
}
