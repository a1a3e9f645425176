"""Git: repositories, mirrors, trees of a revision, visible refs, and exact snapshots of a revision's files.

The only package that imports pygit2, and only in the modules that need it: `snapshot`, `tree`, `working`,
`paths` and `errors` come without it. The `git` program is never executed.
"""
