"""Formulas, table in and table out, and the compiled loops that the sweep calls."""
