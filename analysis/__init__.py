"""What the trials say: operating points to fronts, statistics, figures and the report."""
