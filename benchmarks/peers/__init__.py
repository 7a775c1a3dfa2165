"""What else would run such a network, and what other networks would do: peers in the same run (docs/peers.md)."""
