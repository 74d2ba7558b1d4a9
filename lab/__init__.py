"""The lab: a production-like host on this machine, and the tools that deploy to it."""
