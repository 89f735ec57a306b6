"""Rules about `expect` and `require`."""
