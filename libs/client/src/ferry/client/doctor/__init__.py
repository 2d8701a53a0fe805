"""`ferry doctor`: every part is looked at, by itself and in bounded time, and each finding says what to do."""
