"""The event log on its way out: who may see which event, in what form, by which transport."""
