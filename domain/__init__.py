"""What co-production means here: aggregates, their events and rules. No I/O."""
