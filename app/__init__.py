"""The composition root: settings, wiring, HTTP, pages, sign-in, CLI, and the adapters."""
