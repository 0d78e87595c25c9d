"""Live documents for hocuspocus clients: one socket, many documents."""
