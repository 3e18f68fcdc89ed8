"""How a process lives: exit codes, interrupts, logs, metrics, whole files."""
