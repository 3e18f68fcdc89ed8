"""QuestDB as a store: rows by identity through its PostgreSQL protocol, times to the nanosecond."""
