"""What a run is and what happens in it: specs, events, and the state machine. Pure: no I/O and no clock."""
