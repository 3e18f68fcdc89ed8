"""Where trades come from: feeds, their pace and their progress."""
