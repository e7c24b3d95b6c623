output "links" {
  description = "How many objects the chain has."
  value       = var.links
}
