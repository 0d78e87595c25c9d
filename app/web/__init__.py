"""What people see: templates, styles, TypeScript islands, and the texts in four languages."""
