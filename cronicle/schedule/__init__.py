"""When things are due: schedules, their ticks and the intervals between them. Pure, and without a clock.

``rule`` is what a file says, ``cron`` the language of expressions, ``zones`` the offsets of a time zone,
``instants`` what a single rule makes of them, ``ticks`` the answers to questions. ``text`` and ``words`` turn
durations, times, sizes and expressions into text and back.
"""
