"""Looking after an installation: doctor, demo, compiling ahead of time."""
