"""The calibrated profile: six robust features, a tail each, severity in powers of ten."""
