"""Study family world map: width-ablation, new-cities, convergence, scattered, held-out-region."""
