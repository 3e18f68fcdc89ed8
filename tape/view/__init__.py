"""A live view of the pipeline: what is shown, apart from how, and apart from Kafka."""
