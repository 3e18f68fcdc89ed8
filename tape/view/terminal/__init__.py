"""`tape watch` on a terminal."""
