"""Live documents: Sans-I/O protocol, rooms, presence, journal, sealing."""
