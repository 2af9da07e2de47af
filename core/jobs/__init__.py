"""Durable queue of long work, its worker, progress, cancel; knows verbs, not what they do."""
