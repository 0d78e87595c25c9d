"""Read models: one file per view, and the runner that keeps them up to date."""
