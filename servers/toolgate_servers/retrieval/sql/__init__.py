"""SQL that can only read: checked first, then run where it can do nothing else."""
