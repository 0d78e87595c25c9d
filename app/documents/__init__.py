"""Where live documents are kept."""
