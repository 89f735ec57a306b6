"""Rules about the graph: who comes from whom, who reads what."""
