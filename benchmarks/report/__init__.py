"""What runs of the suite say, for people and for github-action-benchmark: one content, several formats."""
