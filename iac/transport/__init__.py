"""HTTP, once for all adapters that need it: providers and backends."""
