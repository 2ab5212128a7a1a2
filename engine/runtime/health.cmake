# Health checks.
