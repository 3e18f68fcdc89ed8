"""High volume, rapid price change, and the rolling z that the forest judges."""
