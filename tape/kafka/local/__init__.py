"""A local Apache Kafka from Python packages."""
