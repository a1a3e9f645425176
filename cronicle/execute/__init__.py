"""Executing attempts: processes, their environment and places, what they write, and what they leave behind.

Thin code that touches the world. It knows nothing of HCL, git, stores or the state machine of a run: it is
given a complete `AttemptCommand` and answers with an `AttemptEnd`. Import from the modules: `interface` for
the values, `process.run_attempt` to execute one, `survivors` to end what a crash has left.
"""
