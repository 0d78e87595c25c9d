"""Aggregates, views and documents as they were at a position or moment."""
