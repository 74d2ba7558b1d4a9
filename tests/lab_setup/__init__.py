"""The set-up of the lab: what can be told without an engine."""
