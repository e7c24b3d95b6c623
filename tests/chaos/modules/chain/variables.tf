variable "name" {
  description = "Name of the chain."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "Slug of the environment."
  type        = string
  nullable    = false
}

variable "links" {
  description = "How many objects the chain has."
  type        = number
  default     = 6
  nullable    = false

  validation {
    condition     = var.links >= 1 && var.links <= 6 && floor(var.links) == var.links
    error_message = "A chain has 1 to 6 links."
  }
}

variable "note" {
  description = "What every object says of itself; a change changes each of them."
  type        = string
  default     = "first"
  nullable    = false
}
