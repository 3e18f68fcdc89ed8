"""Which episodes people are told of, on which channel, and why the others are withheld."""
