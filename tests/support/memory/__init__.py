"""The world of telemetry's domain in memory: stateful, deterministic, and as mean as the real one."""
