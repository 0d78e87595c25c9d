"""The conformance kit is Node; this makes it start from the project's own environment."""
