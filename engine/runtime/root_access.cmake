# A container's root file system for cp, diff and export.
