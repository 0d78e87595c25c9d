"""Integrators' subscriptions: what each still has to get, by webhook or by pulling."""
