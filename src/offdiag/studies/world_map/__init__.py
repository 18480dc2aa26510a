"""Study family world map: a transformer forms a map of cities that it is never shown (Park 2026)."""
