"""When things are due: schedules, their ticks and the intervals between them. Pure, and without a clock.

``rule`` is what a file says, ``dialect`` and ``days`` the language of cron expressions, ``cron`` their nominal times,
``zones`` the offsets of a time zone, ``instants`` what a single rule makes of them, ``ticks`` the answers to
questions. ``text`` and ``words`` turn durations, times, sizes and expressions into text and back.
"""
