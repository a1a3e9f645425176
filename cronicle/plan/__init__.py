"""The comparison of what is deployed with what is proposed, as frozen values. Pure: no I/O and no clock."""
