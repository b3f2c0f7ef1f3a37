"""The paired comparison of Klezovich et al.: tables, figure, and what its claims are worth."""
