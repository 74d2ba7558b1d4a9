"""Stand-ins for the Pulumi plug-ins, for a machine that cannot download the official ones."""
