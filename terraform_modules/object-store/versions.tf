terraform {
  # 1.9 is the first version in which a variable's validation may look at other variables.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 6.22 is the first with blocked_encryption_types.
      version = ">= 6.22, < 7.0"
    }
  }
}
