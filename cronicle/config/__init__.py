"""From the files of a tree to a typed project and the specs of its workflows. Pure: no I/O and no clock.

`files` chooses the project's files, `schema` is their language, `load` makes a `Project` of them, `compile` a
`RunSpec` of a workflow, with its `fingerprint`.
"""
