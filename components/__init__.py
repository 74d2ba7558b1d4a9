"""How the platform is deployed: one component a file, and the helpers that they share."""
