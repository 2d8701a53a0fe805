"""The bus contract: subjects, messages, streams, buckets and reasons. It depends on pydantic alone."""
