"""The suite's shared parts: a real nats-server and the sandbox, each a process on a free port."""
