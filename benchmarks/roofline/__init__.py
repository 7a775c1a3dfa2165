"""How near the networks come to what a processor can do: time on this machine, instructions on emulated boards."""
