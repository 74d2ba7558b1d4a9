"""What must hold before people depend on a stack: each item with the command that proves it, or who must."""
