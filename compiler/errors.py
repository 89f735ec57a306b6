"""What the compiler raises: only where the caller is wrong, never where a spec is."""


class BadConfig(ValueError):
    """The configuration cannot be used; the message says where and why."""
