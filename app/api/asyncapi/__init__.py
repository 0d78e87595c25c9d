"""The event interface described for programs, in AsyncAPI 3, from the registry and the code that serves."""
