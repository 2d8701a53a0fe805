"""`ferry doctor`: checks each part independently and in bounded time; each finding says what to do."""
