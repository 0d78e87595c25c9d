"""Live documents on several nodes over one store."""
