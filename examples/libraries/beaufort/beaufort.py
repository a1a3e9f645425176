"""The Beaufort scale."""

NAMES = ("calm", "light air", "light breeze", "gentle breeze", "moderate breeze", "fresh breeze", "strong breeze")
UP_TO = (0.5, 1.5, 3.3, 5.5, 7.9, 10.7)


def describe(speed):
    """The name of a wind of so many metres a second."""
    return NAMES[sum(speed > bound for bound in UP_TO)]
