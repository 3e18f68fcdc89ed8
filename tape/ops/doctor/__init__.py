"""What usually goes wrong, looked at in order: a small function a check, a verdict each.

Nothing here changes anything, except for the trial of `--deep`, which makes topics of its own
and removes them again.
"""
