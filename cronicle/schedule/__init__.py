"""When things are due: schedules, their ticks and the intervals between them. Pure, and without a clock.

``rule`` is what a file says, ``dialect`` and ``days`` the language of cron expressions, ``cron`` their nominal times,
``zones`` the offsets of a time zone, ``calendars`` the dates that are kept, ``instants`` what a single rule makes of
them, ``parts`` all rules of a schedule, ``ticks`` the answers to questions, ``counting`` how many there are. ``owed``
says which due ticks are on time, made up or dropped, ``admission`` when their runs may start, and ``jitter`` by how
much. ``run_times`` are the times of a run as they are shown; ``text`` and ``words`` turn durations, times, sizes and
expressions into text and back.
"""
