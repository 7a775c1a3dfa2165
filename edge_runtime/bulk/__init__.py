"""Classify a whole collection, on Ray Data: the extra `cluster`, which no device needs."""
