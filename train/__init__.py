"""Train the network: float, then quantisation-aware. Needs the extra `train`; hands over a run directory."""
