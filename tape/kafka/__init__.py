"""Plain Kafka: connections, topics, groups, readers. Nothing of Quix Streams."""
