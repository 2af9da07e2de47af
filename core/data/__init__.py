"""Cells in: files, roles, chunks of the matrix, gene names, features, the simulated demo."""
