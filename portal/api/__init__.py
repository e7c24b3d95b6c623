"""What the whole REST API shares: authentication, scopes, parsing, paging, problems, idempotency, its description."""
