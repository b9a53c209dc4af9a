"""The use cases, and the library's public API: each takes options and an `Emit`, and returns a frozen result."""
