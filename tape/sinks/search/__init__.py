"""Elasticsearch and OpenSearch as stores, spoken to in plain HTTP: that serves both of them."""
